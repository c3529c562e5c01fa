"""Temperature, kinetic pressure and degrees of freedom: one definition for dynamics and analysis.

The temperature is that of the degrees of freedom of a structure, without the conserved ones, which do not exchange
energy. Without constraints the total momentum is conserved, and so is the angular momentum of a molecule (three axes)
and of a wire (its own axis).
"""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.units import GPA_PER_EV_PER_A3

SMALLEST_INERTIA: Final = 1e-6
"""A moment of inertia below this fraction of the largest one is that of the axis of a linear molecule."""


RESTING: Final = 1e-6
"""A total momentum below this fraction of the sum of all momenta counts as zero."""


class Freedom(NamedTuple):
    """Degrees of freedom that have the temperature.

    Attributes:
        n_dof: number of degrees of freedom that share the energy.
        translation: whether the total momentum is conserved, and therefore not counted.
        rotation: whether the angular momentum is conserved (for a wire, about its axis), and therefore not counted.
    """

    n_dof: int
    translation: bool
    rotation: bool


def freedom(atoms: Atoms, *, conserves_momentum: bool, conserves_rotation: bool) -> Freedom:
    """Degrees of freedom of a structure; momentum and rotation are conserved only without constraints."""
    n_dof = int(atoms.get_number_of_degrees_of_freedom())
    translation = conserves_momentum and not atoms.constraints
    rotation = conserves_rotation and not atoms.constraints and len(atoms) > 1 and int(atoms.pbc.sum()) < 2
    n_dof -= 3 if translation else 0
    n_dof -= len(rotation_axes(atoms)) if rotation else 0
    return Freedom(max(n_dof, 0), translation, rotation)


def temperature(atoms: Atoms, counted: Freedom) -> float:
    """Temperature in K, 2K/(n_dof·k_B), K without the conserved motions; 0 without degrees of freedom.

    Args:
        atoms: with momenta.
        counted: the counted degrees of freedom.
    """
    if counted.n_dof == 0:
        return 0.0
    kinetic = atoms.get_kinetic_energy()
    if counted.translation:
        total = atoms.get_momenta().sum(axis=0)
        kinetic -= 0.5 * float(total @ total) / float(atoms.get_masses().sum())
    if counted.rotation:
        spin = angular_velocity(atoms)
        kinetic -= 0.5 * float(spin @ inertia(atoms) @ spin)
    return float(max(2.0 * kinetic / (counted.n_dof * units.kB), 0.0))


def observed_freedom(atoms: Atoms) -> Freedom:
    """Degrees of freedom of a frame whose ensemble is unknown: a motion that is absent counts as conserved.

    Without total momentum, the momentum counts as conserved; without rotation, the angular momentum.
    """
    momenta = atoms.get_momenta()
    scale = np.linalg.norm(momenta, axis=1).sum()
    still = bool(np.linalg.norm(momenta.sum(axis=0)) <= RESTING * scale)
    arms = atoms.positions - atoms.get_center_of_mass()
    reach = float(np.linalg.norm(arms, axis=1).max(initial=0.0))
    axes = rotation_axes(atoms)
    spin = axes @ np.cross(arms, momenta).sum(axis=0) if len(axes) else np.zeros(0)
    without_spin = bool(np.linalg.norm(spin) <= RESTING * scale * reach)
    return freedom(atoms, conserves_momentum=still, conserves_rotation=without_spin)


def pressure_GPa(atoms: Atoms, stress_eV_per_A3: NDArray[np.float64] | None) -> float | None:  # noqa: N802 - the unit
    """Virial and kinetic pressure, compression positive; None without a stress or a volume.

    Args:
        atoms: with momenta.
        stress_eV_per_A3: (6,) in Voigt order or (3, 3), without the kinetic part, tension positive.
    """
    volume = volume_A3(atoms)
    if stress_eV_per_A3 is None or volume is None:
        return None
    stress = np.asarray(stress_eV_per_A3)
    virial = -float(np.trace(stress) if stress.ndim == 2 else stress[:3].sum()) / 3.0
    return (virial + 2.0 * float(atoms.get_kinetic_energy()) / (3.0 * volume)) * GPA_PER_EV_PER_A3


def stop_translation(atoms: Atoms) -> None:
    """Subtract the velocity of the centre of mass from every atom, in place."""
    masses, momenta = atoms.get_masses(), atoms.get_momenta()
    atoms.set_momenta(momenta - masses[:, None] * (momenta.sum(axis=0) / masses.sum()))


def stop_rotation(atoms: Atoms) -> None:
    """Subtract the rotation about the axes of :func:`rotation_axes` from every atom, in place."""
    arms = atoms.positions - atoms.get_center_of_mass()
    momenta = atoms.get_momenta()
    atoms.set_momenta(momenta - atoms.get_masses()[:, None] * np.cross(angular_velocity(atoms), arms))


def angular_velocity(atoms: Atoms) -> NDArray[np.float64]:
    """(3,) angular velocity of the rigid rotation with the conserved angular momentum, 1/ASE time."""
    axes = rotation_axes(atoms)
    if not len(axes):
        return np.zeros(3)
    arms = atoms.positions - atoms.get_center_of_mass()
    momentum = np.cross(arms, atoms.get_momenta()).sum(axis=0)
    result: NDArray[np.float64] = axes.T @ np.linalg.solve(axes @ inertia(atoms) @ axes.T, axes @ momentum)
    return result


def rotation_axes(atoms: Atoms) -> NDArray[np.float64]:
    """(n, 3) orthonormal axes about which a structure can rotate freely: 3 or 2 for molecules, 1 or 0 for wires."""
    moments, directions = np.linalg.eigh(inertia(atoms))
    if moments[-1] <= 0.0 or atoms.pbc.sum() > 1:
        return np.zeros((0, 3))
    if atoms.pbc.any():
        axis = atoms.cell.array[atoms.pbc][0] / np.linalg.norm(atoms.cell.array[atoms.pbc][0])
        turns = axis @ inertia(atoms) @ axis > SMALLEST_INERTIA * moments[-1]
        return axis[None, :] if turns else np.zeros((0, 3))
    return np.asarray(directions.T[moments > SMALLEST_INERTIA * moments[-1]])


def inertia(atoms: Atoms) -> NDArray[np.float64]:
    """(3, 3) tensor of inertia about the centre of mass, amu·Å²."""
    arms = atoms.positions - atoms.get_center_of_mass()
    masses = atoms.get_masses()
    result: NDArray[np.float64] = (masses * (arms**2).sum(axis=1)).sum() * np.eye(3) - (masses[:, None] * arms).T @ arms
    return result
