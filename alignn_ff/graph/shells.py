"""The nearest neighbours of each atom: whole shells, or a number of them with a rule for ties.

In: all pairs below a radius, in canonical order. Out: the chosen ones, in canonical order.
"""

from typing import Final

import numpy as np

from alignn_ff.graph.neighbors import IntArray, NeighborPairs, canonical_order, take

TIE_A: Final = 1e-5
"""Neighbours of an atom whose distances follow one another within this much (Å) are equally near: one shell."""


def nearest_per_source(pairs: NeighborPairs, max_neighbors: int) -> NeighborPairs:
    """The edges from each atom to its ``max_neighbors`` nearest.

    Of a shell that does not fit, the first by (dst, shift) are kept. For the edges from one atom that order does not
    change when the structure is moved or rotated, or atoms are wrapped to other images; it does when atoms are
    renumbered or another cell of the same crystal is taken: then equally near neighbours may change places.
    """
    shell = _shells(pairs)
    order = np.lexsort((pairs.shift[:, 2], pairs.shift[:, 1], pairs.shift[:, 0], pairs.dst, shell, pairs.src))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = _rank_in_group(pairs.src[order])
    return take(pairs, np.flatnonzero(rank < max_neighbors))


def whole_shells(pairs: NeighborPairs, k: int) -> NeighborPairs:
    """The edges from each atom to all neighbours in the shell of its k-th nearest or a nearer one."""
    shell = _shells(pairs)
    order = np.lexsort((shell, pairs.src))
    last_shell = np.full(pairs.src.max(initial=-1) + 1, np.iinfo(np.int64).max)
    kth = order[_rank_in_group(pairs.src[order]) == k - 1]
    last_shell[pairs.src[kth]] = shell[kth]
    return take(pairs, np.flatnonzero(shell <= last_shell[pairs.src]))


def with_reverses(pairs: NeighborPairs, n_atoms: int, *, once: bool) -> NeighborPairs:
    """Edges and their reverses: each once, or as often as edges and reverses of edges hold it."""
    both = NeighborPairs(
        np.concatenate([pairs.src, pairs.dst]),
        np.concatenate([pairs.dst, pairs.src]),
        np.concatenate([pairs.shift, -pairs.shift]),
        np.concatenate([pairs.distance, pairs.distance]),
    )
    ordered = take(both, canonical_order(both, n_atoms))
    if not once:
        return ordered
    rows = np.column_stack([ordered.dst, ordered.src, ordered.shift])
    new = np.append(True, (np.diff(rows, axis=0) != 0).any(axis=1))[: len(rows)]
    return take(ordered, np.flatnonzero(new))


def own_images_twice(pairs: NeighborPairs) -> NeighborPairs:
    """The same edges, those of an atom with its own images one more time."""
    return take(pairs, np.repeat(np.arange(len(pairs.src)), np.where(pairs.src == pairs.dst, 2, 1)))


def _shells(pairs: NeighborPairs) -> IntArray:
    """(n_pairs,) number of the shell of each pair; along a source's neighbours it ascends with distance."""
    order = np.lexsort((pairs.distance, pairs.src))
    src, distance = pairs.src[order], pairs.distance[order]
    begins = np.append(True, (np.diff(src) != 0) | (np.diff(distance) > TIE_A))[: len(order)]
    shell = np.empty(len(order), dtype=np.int64)
    shell[order] = np.cumsum(begins)
    return shell


def _rank_in_group(sorted_groups: IntArray) -> IntArray:
    """Position of each entry among those of the same group; groups are contiguous."""
    counts = np.bincount(sorted_groups)
    starts = np.cumsum(counts) - counts
    rank: IntArray = np.arange(len(sorted_groups), dtype=np.int64) - starts[sorted_groups]
    return rank
