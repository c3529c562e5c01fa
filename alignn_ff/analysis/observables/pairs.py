"""Pairs of atoms below a distance, for frames with or without periodic directions."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

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
    found = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, longest_A)
    vector = atoms.positions[found.src] - atoms.positions[found.dst] - found.shift @ atoms.cell.array
    return Pairs(found.dst, found.src, found.distance, vector)
