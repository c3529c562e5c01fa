"""Pairs of atoms below a distance, for frames with or without periodic directions."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.graph.neighbors import radius_pairs


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
    """All pairs closer than a distance, each in both directions, periodic images included."""
    if is_bulk(atoms):
        cell = atoms.cell.array
        fractional = atoms.positions @ np.linalg.inv(cell)
        inside = (fractional - np.floor(fractional)) @ cell
        return Pairs(*neighbour_list("ijdD", positions=inside, cell=cell, pbc=atoms.pbc, cutoff=longest_A))
    found = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, longest_A)
    vector = atoms.positions[found.dst] - atoms.positions[found.src] + found.shift @ atoms.cell.array
    order = np.argsort(found.src, kind="stable")
    return Pairs(found.src[order], found.dst[order], found.distance[order], vector[order])


def is_bulk(atoms: Atoms) -> bool:
    """Whether a structure goes on for ever in all three directions, so that it has a density."""
    return bool(atoms.pbc.all() and abs(np.linalg.det(atoms.cell.array)) > SMALLEST_VOLUME_A3)
