"""Neighbours found by trying every image: slow, simple, and independent of the package."""

import itertools
from typing import NamedTuple

import numpy as np
from hypothesis import assume
from numpy.typing import NDArray

from alignn_ff.graph.neighbors import NeighborPairs
from alignn_ff.testing.random_structures import RandomStructure


class Edge(NamedTuple):
    """src → dst with the lattice translation of dst."""

    src: int
    dst: int
    shift: tuple[int, int, int]


def reverse(edge: Edge) -> Edge:
    a, b, c = edge.shift
    return Edge(edge.dst, edge.src, (-a, -b, -c))


def all_images(given: RandomStructure) -> dict[Edge, float]:
    """Every pair below the cutoff with its distance; structures with a pair at the cutoff are skipped."""
    positions, cell, pbc, cutoff = given
    spans = np.ptp(positions, axis=0)
    periodic = cell[pbc]
    # |shift| ≤ |dual vector|·(longest separation): a plane of the lattice may not lie further away
    reach = (cutoff + np.linalg.norm(spans)) * np.linalg.norm(np.linalg.pinv(periodic), axis=0)
    ranges: list[range] = [range(1)] * 3
    for axis, limit in zip(np.flatnonzero(pbc), reach, strict=True):
        ranges[axis] = range(-int(limit) - 1, int(limit) + 2)
    shifts = np.array(list(itertools.product(*ranges)))
    translations = shifts @ cell
    near = np.linalg.norm(translations, axis=1) <= cutoff + np.linalg.norm(spans) + 1e-6
    shifts, translations = shifts[near], translations[near]
    found = {}
    for src, dst in np.ndindex(len(positions), len(positions)):
        distances = np.linalg.norm(positions[dst] + translations - positions[src], axis=1)
        assume(np.abs(distances - cutoff).min() > 1e-9)
        for at in np.flatnonzero(distances < cutoff):
            shift = tuple(shifts[at].tolist())
            if src != dst or any(shift):
                found[Edge(src, dst, shift)] = float(distances[at])
    return found


def edges_of(src: NDArray[np.int64], dst: NDArray[np.int64], shift: NDArray[np.int64]) -> list[Edge]:
    return [Edge(i, j, tuple(s)) for i, j, s in zip(src.tolist(), dst.tolist(), shift.tolist(), strict=True)]


def edges_of_pairs(pairs: NeighborPairs) -> list[Edge]:
    return edges_of(pairs.src, pairs.dst, pairs.shift)
