"""Numbers of the harmonic approximation, as the bridge to phonopy gives them.

Frequencies are in THz, imaginary ones negative. Thermal properties are those of the primitive cell, in phonopy's units.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Bands(NamedTuple):
    """Frequencies along a path.

    Attributes:
        qpoints: per segment, (n, 3) fractional in the reciprocal primitive cell.
        distances: per segment, (n,) 1/Å without 2π, going on from segment to segment.
        frequencies: per segment, (n, n_modes) THz.
        labels: per segment, names of its two ends.
    """

    qpoints: tuple[Array, ...]
    distances: tuple[Array, ...]
    frequencies: tuple[Array, ...]
    labels: tuple[tuple[str, str], ...]


class States(NamedTuple):
    """Density of states.

    Attributes:
        frequencies: (n,) THz.
        total: (n,) states per THz and primitive cell.
        projected: (n_atoms, n) of each atom of the primitive cell.
    """

    frequencies: Array
    total: Array
    projected: Array


class Thermal(NamedTuple):
    """Harmonic thermal properties of the primitive cell.

    Attributes:
        temperatures: (n,) K.
        free_energy: (n,) kJ/mol.
        entropy, heat_capacity: (n,) J/K/mol.
    """

    temperatures: Array
    free_energy: Array
    entropy: Array
    heat_capacity: Array


class Expansion(NamedTuple):
    """Quasi-harmonic properties of the primitive cell at one pressure.

    Attributes:
        temperatures: (n,) K.
        volumes: (n,) Å³.
        expansion: (n,) 1/K, volumetric.
        bulk_modulus_GPa: (n,) isothermal.
        heat_capacity, entropy: (n,) eV/K, at constant pressure.
        gibbs: (n,) eV.
        gruneisen: (n,) thermodynamic Grüneisen parameter.
    """

    temperatures: Array
    volumes: Array
    expansion: Array
    bulk_modulus_GPa: Array
    heat_capacity: Array
    entropy: Array
    gibbs: Array
    gruneisen: Array


class Violation(NamedTuple):
    """How far force constants violated exact symmetries, eV/Å².

    Attributes:
        translation: largest |Σ_j Φ_ij| before symmetrising.
        transposition: largest |Φ_ij − Φ_jiᵀ| before.
        change: largest change by the projector.
        left: largest |Σ_j Φ_ij| after.
        largest: component of the force constants.
    """

    translation: float
    transposition: float
    change: float
    left: float
    largest: float
