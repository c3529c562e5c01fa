"""What follows from a stiffness: moduli of polycrystals, stability, sound velocities, Debye temperature.

Sources: R. Hill, Proc. Phys. Soc. A 65, 349 (1952); S. I. Ranganathan, M. Ostoja-Starzewski, Phys. Rev. Lett. 101,
055504 (2008); O. L. Anderson, J. Phys. Chem. Solids 24, 909 (1963).
"""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.units import _amu, _hbar, _k
from numpy.typing import NDArray
from scipy.integrate import lebedev_rule

from alignn_ff.properties.elasticity.voigt import as_tensor

Matrix = NDArray[np.float64]


class Moduli(NamedTuple):
    """Moduli of an isotropic polycrystal, GPa, by Voigt (uniform strain), Reuss (uniform stress) and Hill (their mean).

    Attributes:
        bulk, shear: (Voigt, Reuss, Hill).
        young: GPa, of Hill's averages.
        poisson: ratio, likewise.
        anisotropy: universal index, 0 if isotropic.
    """

    bulk: tuple[float, float, float]
    shear: tuple[float, float, float]
    young: float
    poisson: float
    anisotropy: float


def moduli(stiffness: Matrix) -> Moduli:
    """Averages of a (6, 6) stiffness in GPa."""
    c, s = stiffness, np.linalg.inv(stiffness)
    k_v = float(c[:3, :3].sum()) / 9.0
    g_v = float(np.trace(c[:3, :3]) - (c[0, 1] + c[0, 2] + c[1, 2]) + 3.0 * np.trace(c[3:, 3:])) / 15.0
    k_r = 1.0 / float(s[:3, :3].sum())
    shears = 4.0 * np.trace(s[:3, :3]) - 4.0 * (s[0, 1] + s[0, 2] + s[1, 2]) + 3.0 * np.trace(s[3:, 3:])
    g_r = 15.0 / float(shears)
    k, g = 0.5 * (k_v + k_r), 0.5 * (g_v + g_r)
    return Moduli(
        bulk=(k_v, k_r, k),
        shear=(g_v, g_r, g),
        young=9.0 * k * g / (3.0 * k + g),
        poisson=(3.0 * k - 2.0 * g) / (2.0 * (3.0 * k + g)),
        anisotropy=5.0 * g_v / g_r + k_v / k_r - 6.0,
    )


def lowest_eigenvalue(stiffness: Matrix) -> float:
    """Born's criterion: the lowest eigenvalue of the stiffness in Mandel's notation, GPa; positive if stable."""
    scale = np.diag([1.0, 1.0, 1.0, np.sqrt(2.0), np.sqrt(2.0), np.sqrt(2.0)])
    return float(np.linalg.eigvalsh(scale @ stiffness @ scale).min())


def sound_velocities(stiffness: Matrix, density: float, direction: Matrix) -> Matrix:
    """(3,) m/s ascending along a direction, from Christoffel's equation.

    Args:
        stiffness: (6, 6) GPa.
        density: kg/m³.
        direction: (3,) Cartesian, of any length.
    """
    n = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    christoffel: Matrix = np.einsum("ijkl,j,l->ik", as_tensor(stiffness), n, n, optimize=True) * 1e9 / density
    squares = np.asarray(np.linalg.eigvalsh(christoffel), dtype=np.float64)
    return np.sqrt(np.clip(squares, 0.0, None))


def debye_temperature_K(stiffness: Matrix, atoms: Atoms) -> float:  # noqa: N802 - the unit's letter
    """Debye temperature of the acoustic velocities of all directions: ħ/k·(6π²n)^⅓·v_D, n atoms per volume."""
    points, weights = lebedev_rule(17)
    velocities = np.array([sound_velocities(stiffness, density_kg_per_m3(atoms), x) for x in points.T])
    if velocities.min() <= 0.0:
        return float("nan")
    mean_inverse_cube = float(np.average((velocities**-3.0).mean(axis=1), weights=weights))
    per_volume = len(atoms) / (atoms.get_volume() * 1e-30)
    return float(_hbar / _k * (6.0 * np.pi**2 * per_volume) ** (1.0 / 3.0) * mean_inverse_cube ** (-1.0 / 3.0))


def density_kg_per_m3(atoms: Atoms) -> float:
    """Mass density."""
    return float(atoms.get_masses().sum() * _amu / (atoms.get_volume() * 1e-30))
