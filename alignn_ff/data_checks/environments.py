"""Distances around the atoms of each structure, searched once: shortest bonds, and a fingerprint of the structure.

The fingerprint is, for each pair of elements, the smooth distribution of distances per atom: it does not depend on
origin, orientation, numbering or supercell.
"""

from typing import Final, NamedTuple

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alignn_ff.graph.neighbors import IntArray, NeighborPairs, radius_pairs
from alignn_ff.train.records.record import Record

Array = NDArray[np.float64]

REACH_A: Final = 4.5
"""Å; radius of the search. Pairs of elements that never come closer have no shortest distance."""
WIDTH_A: Final = 0.1
GRID: Final = np.arange(0.5, REACH_A, WIDTH_A)


class Environment(NamedTuple):
    """Distances around the atoms of one structure.

    Attributes:
        shortest: pair of elements → shortest distance, Å.
        fingerprint: (n_element_pairs · n_grid,), comparable among structures of the same elements.
    """

    shortest: dict[str, float]
    fingerprint: Array


def environment_of(record: Record) -> Environment:
    """Search the neighbours of one structure."""
    pairs = _pairs(record)
    return Environment(_shortest(record, pairs), _fingerprint(record, pairs))


def sorted_distances(record: Record) -> Array:
    """All distances up to the reach, Å, ascending within each pair of elements, which differ by a large number."""
    pairs = _pairs(record)
    return np.sort(_pair_codes(record, pairs) * 10.0 + pairs.distance)


def _pairs(record: Record) -> NeighborPairs:
    atoms = record.atoms
    return radius_pairs(atoms.get_positions(), atoms.cell.array, atoms.pbc, REACH_A)


def _pair_codes(record: Record, pairs: NeighborPairs) -> IntArray:
    """(n_pairs,) one number for each unordered pair of elements."""
    ends = np.sort(record.atoms.numbers[np.stack([pairs.src, pairs.dst])], axis=0)
    code: IntArray = ends[0].astype(np.int64) * 1000 + ends[1]
    return code


def _shortest(record: Record, pairs: NeighborPairs) -> dict[str, float]:
    code = _pair_codes(record, pairs)
    return {
        f"{chemical_symbols[value // 1000]}-{chemical_symbols[value % 1000]}": float(
            pairs.distance[code == value].min()
        )
        for value in np.unique(code)
    }


def _fingerprint(record: Record, pairs: NeighborPairs) -> Array:
    numbers = record.atoms.numbers
    elements = np.unique(numbers)
    first = np.searchsorted(elements, numbers[pairs.src])
    second = np.searchsorted(elements, numbers[pairs.dst])
    fade = 0.5 * (1.0 + np.cos(np.pi * pairs.distance / REACH_A)) / np.maximum(pairs.distance, 0.5) ** 2
    # a hat function on the grid: each pair feeds its two neighbouring points
    place = np.clip((pairs.distance - GRID[0]) / WIDTH_A, 0, len(GRID) - 1.001)
    low = place.astype(np.int64)
    values = np.zeros((len(elements), len(elements), len(GRID)))
    np.add.at(values, (first, second, low), fade * (1 - (place - low)))
    np.add.at(values, (first, second, low + 1), fade * (place - low))
    flat: Array = values.ravel() / len(numbers)
    return flat
