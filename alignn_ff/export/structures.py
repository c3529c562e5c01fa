"""Structures that a file is proven on: large forces without symmetry, and every shape that may go wrong.

In: the elements of a model. Out: structures of several sizes, among them cells smaller than the cutoff, a slab, a
cluster, a close pair and a lone atom. Together they hold every element, as far as they have enough atoms.
"""

from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii
from numpy.typing import NDArray

TILTED = np.array([[1.0, 0.1, 0.02], [-0.05, 0.95, 0.15], [0.2, -0.1, 1.05]])
"""Strain of the bulk structures."""


def proof_structures(elements: Sequence[int]) -> dict[str, Atoms]:
    """Name → structure.

    Args:
        elements: atomic numbers that the model covers; the atoms take them in turn.
    """
    rng = np.random.default_rng(7)
    bond = 2.1 * float(np.mean(covalent_radii[list(elements)]))
    lattice = 4.0 * bond / np.sqrt(3.0)
    cube = bulk("C", "diamond", a=lattice, cubic=True)
    pair = bulk("C", "diamond", a=lattice)
    slab = cube.repeat((2, 1, 1))
    slab.set_cell(slab.cell.array + np.diag([0.0, 0.0, 12.0]))
    slab.pbc = (True, True, False)
    shapes = {
        "bulk": strained(cube.repeat((2, 2, 2))),
        "small bulk": strained(cube),
        "two-atom cell": strained(pair),
        "slab": slab,
        "cluster": Atoms("C8", cube.positions, pbc=False),
        "close pair": Atoms("C2", [[0.0, 0.0, 0.0], [0.25 * bond, 0.2 * bond, 0.1 * bond]]),
        "one atom in a cell": Atoms("C", cell=bond * TILTED, pbc=True),
        "lone atom": Atoms("C", [[0.3, 0.2, 0.1]]),
    }
    numbers = cycle(elements)
    return {name: _filled(atoms, numbers, rng, 0.08 * bond) for name, atoms in shapes.items()}


def strained(atoms: Atoms) -> Atoms:
    """The structure in a cell without symmetry."""
    atoms.set_cell(atoms.cell.array @ TILTED, scale_atoms=True)
    return atoms


def _filled(atoms: Atoms, numbers: Iterator[int], rng: np.random.Generator, amplitude_A: float) -> Atoms:
    atoms.numbers = [next(numbers) for _ in atoms]
    if len(atoms) > 2:
        shaken: NDArray[np.float64] = rng.normal(scale=amplitude_A, size=(len(atoms), 3))
        atoms.positions += shaken
    return atoms
