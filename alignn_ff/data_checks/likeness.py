"""Which structures are the same up to origin, orientation, numbering and supercell.

Structures of one composition with nearly equal fingerprints are compared by all their distances.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from alignn_ff.data_checks.environments import Array, Environment, sorted_distances
from alignn_ff.train.records.record import Record, reduced_formula

NEARLY: Final = 2e-3
"""Largest distance of fingerprints of structures that are worth comparing."""

SAME_A: Final = 1e-3
"""Å; largest difference of the sorted distances of equal structures."""


def alike(records: Sequence[Record], environments: Sequence[Environment]) -> list[tuple[int, ...]]:
    """Sets of records that hold the same structure, each with at least two members; ascending."""
    by_formula: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        by_formula[reduced_formula(record)].append(index)
    links: list[tuple[int, int]] = []
    for members in by_formula.values():
        if len(members) > 1:
            tree = cKDTree(np.stack([environments[i].fingerprint for i in members]))
            near = ((members[a], members[b]) for a, b in sorted(tree.query_pairs(NEARLY)))
            links += _same_ones(records, near)
    return [group for group in connected(len(records), links) if len(group) > 1]


def _same_ones(records: Sequence[Record], near: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those pairs that have the same distances, as structures or as cells of one crystal."""
    known: dict[int, Array] = {}
    for pair in near:
        for i in pair:
            if i not in known:
                known[i] = sorted_distances(records[i])
        sizes = [len(records[i].atoms) for i in pair]
        common = math.lcm(*sizes)
        first, second = (np.repeat(known[i], common // n) for i, n in zip(pair, sizes, strict=True))
        n = min(len(first), len(second))
        at_the_reach = abs(len(first) - len(second)) <= 0.05 * n
        if at_the_reach and (n == 0 or float(np.abs(first[:n] - second[:n]).max()) < SAME_A):
            yield pair


def connected(n: int, links: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Sets that links join, of the numbers below n; ascending."""
    first, second = (np.array([link[end] for link in links], dtype=np.int64) for end in (0, 1))
    matrix = coo_array((np.ones(len(links), dtype=bool), (first, second)), shape=(n, n))
    _, labels = connected_components(matrix, directed=False)
    groups: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels.tolist()):
        groups[label].append(index)
    return [tuple(members) for members in groups.values()]
