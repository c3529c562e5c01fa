"""Lattice thermal conductivity from third-order force constants.

``bridge`` is the only module of the package that imports phono3py.
"""

from alignn_ff.properties.conductivity.config import KappaConfig
from alignn_ff.properties.conductivity.kappa import thermal_conductivity
from alignn_ff.properties.conductivity.result import KappaResult

__all__ = ["KappaConfig", "KappaResult", "thermal_conductivity"]
