"""The floor itself: a lower bound of the energy of any structure, measured on the training set.

For a structure of volume V, Σ over atoms of reference energy, plus N · (e + k · g(V / V0)):

    V0     sum of the atomic volumes, fitted to the training set
    e      lowest energy per atom above the references that the training set has for these elements, eV
    g(x)   Murnaghan's energy of compression (B' = 4) in units of bulk modulus times volume, 0 for x ≥ 1
    k      stiffness: 0.6 eV, or less: half of that with which the curve would touch a training structure

F. D. Murnaghan, Proc. Natl. Acad. Sci. USA 30, 244 (1944). A structure without a volume has k = 0.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alignn_ff.domain.environments import volume_per_atom_A3
from alignn_ff.train.records.statistics import TrainingSetSummary

Array = NDArray[np.float64]

PRESSURE_DERIVATIVE: Final = 4.0
"""B' of the compression."""

COMPRESSED: Final = 0.9
"""Volume relative to V0 below which a training structure says something of the stiffness."""

LARGEST_STIFFNESS_EV: Final = 0.6
"""About the bulk modulus times the atomic volume of solid argon: nearly all other solids are stiffer."""

SAFETY: Final = 0.5
"""Part of the stiffness that is taken, since the training set need not hold the softest structure."""

ORDINARY: Final = (0.85, 1.2)
"""Volumes relative to the fit that take part in the next fit of atomic volumes."""


class Floor(NamedTuple):
    """Of one set of elements: e and k above, eV/atom."""

    lowest_eV: float
    stiffness_eV: float


class EnergyFloor(NamedTuple):
    """A lower bound of the energy of any structure.

    Attributes:
        references: element → energy, eV.
        volumes: element → atomic volume, Å³; empty where no training structure has a volume.
        systems: elements of the training set that occur together, such as "O-Si" → their floor.
        anything: floor of all other combinations.
    """

    references: dict[str, float]
    volumes: dict[str, float]
    systems: dict[str, Floor]
    anything: Floor

    @property
    def elements(self) -> list[str]:
        """Elements that the training set holds, in alphabetical order."""
        return sorted({symbol for system in self.systems for symbol in system.split("-")})

    def energy_eV(self, atoms: Atoms) -> float:  # noqa: N802 - the unit's letter
        """Lowest energy that a structure may have, eV, in total."""
        symbols = atoms.get_chemical_symbols()
        floor, n_atoms = self.systems.get(system_of(atoms), self.anything), len(atoms)
        volume = volume_per_atom_A3(atoms)
        relative = volume * n_atoms / self.volume_A3(symbols) if volume is not None and self.volumes else 1.0
        above = floor.lowest_eV + floor.stiffness_eV * float(compression(np.array(relative)))
        return sum(self.references[symbol] for symbol in symbols) + n_atoms * above

    def volume_A3(self, symbols: Iterable[str]) -> float:  # noqa: N802 - the unit's letter
        """Sum of the atomic volumes, Å³."""
        return sum(self.volumes[symbol] for symbol in symbols)


def system_of(atoms: Atoms) -> str:
    """Elements of a structure in alphabetical order, "O-Si"."""
    return system_name(atoms.get_chemical_symbols())


def system_name(symbols: Iterable[str]) -> str:
    """Elements in alphabetical order, each once, "O-Si"."""
    return "-".join(sorted(set(symbols)))


def compression(relative: Array) -> Array:
    """g(x) of the module's text."""
    x, b = np.minimum(relative, 1.0), PRESSURE_DERIVATIVE
    energy: Array = x / b * (x**-b / (b - 1.0) + 1.0) - 1.0 / (b - 1.0)
    return energy


def measure_floor(found: TrainingSetSummary, references: Sequence[float]) -> EnergyFloor:
    """The floor of a training set; structures without an energy are passed over.

    Args:
        found: summary of the training set.
        references: energy of each of its elements, eV.
    """
    known = np.isfinite(found.energies)
    composition, n_atoms = found.composition[known].astype(np.float64), found.n_atoms[known]
    above = (found.energies[known] - composition @ np.asarray(references)) / n_atoms
    volumes = found.volumes[known] * n_atoms
    atomic = fit_volumes(composition, volumes)
    relative = np.ones(len(above)) if atomic is None else volumes / (composition @ atomic)
    symbols = [chemical_symbols[z] for z in found.elements]
    return EnergyFloor(
        references=dict(zip(symbols, map(float, references), strict=True)),
        volumes={} if atomic is None else dict(zip(symbols, atomic.tolist(), strict=True)),
        systems=_of_systems(_systems(composition, symbols), above, relative),
        anything=_floor(above, relative),
    )


def _systems(composition: Array, symbols: Sequence[str]) -> NDArray[np.str_]:
    """The elements of each structure, as :func:`system_of` names them."""
    return np.array([system_name(np.array(symbols)[row].tolist()) for row in composition > 0], dtype=np.str_)


def fit_volumes(composition: Array, volumes: Array) -> Array | None:
    """Atomic volumes by least squares on structures of ordinary density, Å³; None where no structure has a volume.

    Args:
        composition: (n_structures, n_elements) number of atoms.
        volumes: (n_structures,) Å³; NaN where there is none.
    """
    chosen = np.isfinite(volumes)
    if not chosen.any():
        return None
    fitted = np.full(composition.shape[1], float(np.median(volumes[chosen] / composition[chosen].sum(axis=1))))
    for _ in range(5):
        solution, *_ = np.linalg.lstsq(
            composition[chosen] / volumes[chosen, None],
            1.0 - (composition[chosen] @ fitted) / volumes[chosen],
            rcond=None,
        )
        fitted = np.maximum(fitted + solution, 1.0)
        relative = volumes / (composition @ fitted)
        ordinary = (relative > ORDINARY[0]) & (relative < ORDINARY[1])
        if not ordinary.any():
            break
        chosen = ordinary
    return fitted


def _of_systems(systems: NDArray[np.str_], energies: Array, relative: Array) -> dict[str, Floor]:
    names, place, counts = np.unique(systems, return_inverse=True, return_counts=True)
    groups = np.split(np.argsort(place, kind="stable"), np.cumsum(counts))[:-1]
    return {name: _floor(energies[group], relative[group]) for name, group in zip(names.tolist(), groups, strict=True)}


def _floor(energies: Array, relative: Array) -> Floor:
    if not energies.size:
        return Floor(0.0, 0.0)
    lowest = float(energies.min())
    dense = relative < COMPRESSED
    touching = (energies[dense] - lowest) / compression(relative[dense])
    return Floor(lowest, min(LARGEST_STIFFNESS_EV, SAFETY * float(touching.min(initial=np.inf))))
