"""Phonons of a crystal: force constants by finite displacements, bands, density of states, thermal properties.

``bridge`` is the only module of the package that imports phonopy.
"""

from alignn_ff.properties.phonons.config import PhononConfig
from alignn_ff.properties.phonons.phonon import phonon
from alignn_ff.properties.phonons.result import PhononResult

__all__ = ["PhononConfig", "PhononResult", "phonon"]
