"""One small structure of every kind that a force field meets, made of the elements of a given model."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from ase import Atoms
from ase.build import bulk

BOND_A: Final = 2.35
"""Approximate nearest-neighbour distance of all examples (that of silicon)."""


def structure(name: str, elements: Sequence[int]) -> Atoms:
    """A fresh copy of one example.

    Args:
        name: one of :data:`NAMES`.
        elements: atomic numbers, which the atoms take in turn.
    """
    atoms = _EXAMPLES[name]()
    atoms.numbers = [elements[i % len(elements)] for i in range(len(atoms))]
    return atoms


def _rattled(atoms: Atoms, amplitude: float = 0.15) -> Atoms:
    atoms.positions += np.random.default_rng(1).normal(scale=amplitude, size=(len(atoms), 3))
    return atoms


def _diamond() -> Atoms:
    return bulk("Si", "diamond", a=5.43, cubic=True)


def _skewed() -> Atoms:
    """Smaller than any cutoff, with angles far from 90° and atoms outside the cell."""
    atoms = bulk("Si", "diamond", a=5.43)
    atoms.set_cell(np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]]) @ atoms.cell.array)
    return _rattled(atoms)


def _left_handed() -> Atoms:
    atoms = _rattled(_diamond())
    atoms.set_cell(atoms.cell.array[[1, 0, 2]] + 0.2)
    return atoms


def _slab(height: float) -> Atoms:
    atoms = _rattled(_diamond())
    cell = atoms.cell.array
    cell[0] += (0.0, 0.4, 0.1)
    cell[2] = (0.3, 0.2, height) if height else 0.0
    return Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=(True, True, False))


def _wire(width: float) -> Atoms:
    atoms = _rattled(_diamond())
    atoms = atoms[atoms.positions[:, 1] < 3.0]
    return Atoms(atoms.numbers, atoms.positions, cell=(width, width, 5.43), pbc=(False, False, True))


def _cluster(box: float) -> Atoms:
    positions = BOND_A * np.array([[0, 0, 0], [1, 0, 0], [0.3, 1, 0.1], [0.4, 0.3, 1], [-0.6, -0.6, 0.5], [-1, 0.8, 0]])
    return Atoms("Si6", positions, cell=[box] * 3, pbc=False)


_EXAMPLES: Final[dict[str, Callable[[], Atoms]]] = {
    "bulk": _diamond,
    "rattled bulk": lambda: _rattled(_diamond()),
    "skewed tiny cell": _skewed,
    "left-handed cell": _left_handed,
    "slab with a cell": lambda: _slab(20.0),
    "slab without height": lambda: _slab(0.0),
    "wire with a cell": lambda: _wire(15.0),
    "wire without width": lambda: _wire(0.0),
    "molecule": lambda: _cluster(0.0),
    "molecule in a box": lambda: _cluster(14.0),
    "close pair": lambda: Atoms("Si2", [[0, 0, 0], [0.9, 0.8, 0.7]]),
    "one-atom cell": lambda: bulk("Si", "fcc", a=3.9),
    "free atom": lambda: Atoms("Si", [[0.3, 0.2, 0.1]]),
}

NAMES: Final = tuple(_EXAMPLES)
"""All examples."""

WITHOUT_VOLUME: Final = ("slab without height", "wire without width", "molecule", "close pair", "free atom")
"""Those whose cell has no volume, so that there is no stress."""

WITH_VOLUME: Final = tuple(name for name in NAMES if name not in WITHOUT_VOLUME)
"""All others."""

PERIODIC: Final = tuple(name for name in NAMES if structure(name, (14,)).pbc.any())
"""Those with a periodic axis."""
