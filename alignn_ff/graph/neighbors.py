"""Neighbour search for any cell: skewed, tiny, left-handed, slab, wire, molecule.

In: positions, cell, periodicity of one structure. Out: directed pairs with lattice translations, in
canonical order. matscipy does the search; this file gives it a cell that it can work with.
"""

from typing import NamedTuple

import numpy as np
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class NeighborPairs(NamedTuple):
    """Directed pairs src → dst with r = x[dst] + shift·cell − x[src].

    Attributes:
        src: (n_pairs,) int64.
        dst: (n_pairs,) int64, ascending.
        shift: (n_pairs, 3) int64, lattice translations.
        distance: (n_pairs,) float64, Å.
    """

    src: IntArray
    dst: IntArray
    shift: IntArray
    distance: FloatArray


def radius_pairs(positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_], cutoff: float) -> NeighborPairs:
    """All pairs closer than ``cutoff``, each in both directions, periodic images included.

    Args:
        positions: (n_atoms, 3) Å, need not lie inside the cell.
        cell: (3, 3) Å, rows are lattice vectors; rows of non-periodic axes may be anything.
        pbc: (3,) periodicity per axis.
        cutoff: Å, exclusive.

    Returns:
        Pairs sorted by dst, then src, then shift, so that the order does not depend on the search.
    """
    search_cell = complete_cell(cell, pbc)
    images = np.where(pbc, np.floor(positions @ np.linalg.inv(search_cell)), 0.0).astype(np.int64)
    inside = positions - images @ search_cell
    reach = cutoff + ROUNDING_A
    search_cell, inside = _enclose(search_cell, inside, pbc, reach)
    src, dst, raw_shift = neighbour_list("ijS", positions=inside, cell=search_cell, pbc=pbc, cutoff=reach)
    src, dst = src.astype(np.int64), dst.astype(np.int64)
    shift = raw_shift.astype(np.int64) + images[src] - images[dst]
    # the same sum as in edge_vectors: exactly opposite for the reverse edge, so both are kept or neither
    vectors = positions[dst] - positions[src] + shift @ np.where(pbc[:, None], cell, 0.0)
    distance = np.linalg.norm(vectors, axis=1)
    found = NeighborPairs(src, dst, shift, distance)
    order = canonical_order(found)
    return take(found, order[distance[order] < cutoff])


def canonical_order(pairs: NeighborPairs) -> IntArray:
    """(n_pairs,) indices that sort pairs by dst, then src, then shift."""
    shift = pairs.shift
    order: IntArray = np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], pairs.src, pairs.dst))
    return order


def take(pairs: NeighborPairs, chosen: IntArray) -> NeighborPairs:
    """The chosen pairs, in the order of ``chosen``."""
    return NeighborPairs(pairs.src[chosen], pairs.dst[chosen], pairs.shift[chosen], pairs.distance[chosen])


ROUNDING_A = 1e-6
"""The search reaches this much (Å) beyond the cutoff, so that rounding inside it loses no pair."""


def complete_cell(cell: FloatArray, pbc: NDArray[np.bool_]) -> FloatArray:
    """The cell with every non-periodic vector replaced by a unit vector orthogonal to the others.

    For the search only: it has no volume of physical meaning.
    """
    completed = np.where(pbc[:, None], cell, 0.0).astype(np.float64)
    periodic = completed[pbc]
    _, _, basis = np.linalg.svd(periodic.reshape(-1, 3), full_matrices=True)
    completed[~pbc] = basis[int(pbc.sum()) :]
    return completed


def _enclose(
    cell: FloatArray, positions: FloatArray, pbc: NDArray[np.bool_], cutoff: float
) -> tuple[FloatArray, FloatArray]:
    """Stretch the non-periodic axes so that all atoms lie inside the search cell, and move them there."""
    fractional = positions @ np.linalg.inv(cell)
    for axis in np.flatnonzero(~pbc):
        fractional[:, axis] = cutoff + _without_gaps(fractional[:, axis], 2.0 * cutoff)
    stretch = np.where(pbc, 1.0, fractional.max(axis=0) + cutoff)
    return cell * stretch[:, None], fractional @ cell


def _without_gaps(coordinates: FloatArray, longest: float) -> FloatArray:
    """Coordinates from 0 on, empty stretches cut to ``longest``: an atom that flew off costs no empty bins."""
    order = np.argsort(coordinates)
    steps = np.diff(coordinates[order], prepend=coordinates[order[0]])
    closed = np.empty_like(coordinates)
    closed[order] = np.cumsum(np.minimum(steps, longest))
    return closed
