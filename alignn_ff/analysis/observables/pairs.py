"""Pairs of atoms below a distance, for frames with or without periodic directions."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.cells import is_bulk


class Pairs(NamedTuple):
    """Directed pairs i → j.

    Attributes:
        first, second: (n_pairs,) atoms, ``first`` ascending.
        distance: (n_pairs,) Å.
        vector: (n_pairs, 3) Å, from i to j.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.float64]
    vector: NDArray[np.float64]


def pairs_within(atoms: Atoms, longest_A: float) -> Pairs:
    """All pairs closer than a distance, each in both directions, periodic images included.

    In a crystal or liquid vesin is called directly: the canonical order of ``radius_pairs`` would double the time.
    """
    from vesin import NeighborList  # imports torch where it is installed; the help of a command does without

    if is_bulk(atoms):
        cell = atoms.cell.array
        fractional = atoms.positions @ np.linalg.inv(cell)
        search = NeighborList(cutoff=longest_A, full_list=True, sorted=True)
        inside = (fractional - np.floor(fractional)) @ cell
        first, second, distance, vector = search.compute(points=inside, box=cell, periodic=True, quantities="ijdD")
        return Pairs(first.astype(np.int64), second.astype(np.int64), distance, vector)
    from alignn_ff.graph.neighbors import radius_pairs

    found = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, longest_A)
    vector = atoms.positions[found.src] - atoms.positions[found.dst] - found.shift @ atoms.cell.array
    return Pairs(found.dst, found.src, found.distance, vector)
