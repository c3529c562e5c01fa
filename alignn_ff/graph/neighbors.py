"""Neighbour search for any cell: skewed, tiny, left-handed, slab, wire, molecule.

In: positions, cell, periodicity of one structure. Out: directed pairs with lattice translations, in
canonical order. vesin does the search; this file gives it a cell without non-periodic gaps.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from vesin import NeighborList

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class NeighborPairs(NamedTuple):
    """Directed pairs src → dst with r = x[dst] + shift·cell − x[src].

    Attributes:
        src: (n_pairs,) int64.
        dst: (n_pairs,) int64, ascending.
        shift: (n_pairs, 3) int32, lattice translations.
        distance: (n_pairs,) float64, Å.
    """

    src: IntArray
    dst: IntArray
    shift: NDArray[np.int32]
    distance: FloatArray


Search = Callable[[float], NeighborPairs]
"""A length in Å in, all pairs of one structure closer than it out, in canonical order."""


def radius_pairs(positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_], cutoff: float) -> NeighborPairs:
    """All pairs closer than ``cutoff``, each in both directions, periodic images included.

    Args:
        positions: (n_atoms, 3) Å, need not lie inside the cell.
        cell: (3, 3) Å, rows are lattice vectors; rows of non-periodic axes are ignored.
        pbc: (3,) periodicity per axis.
        cutoff: Å, exclusive.

    Returns:
        Pairs sorted by dst, then src, then shift, so that the order does not depend on the search.
    """
    dst, src, shift = _search(positions, cell, pbc, cutoff + ROUNDING_A)
    distance = pair_distances(positions, src, dst, translations(shift, np.where(pbc[:, None], cell, 0.0)))
    found = NeighborPairs(src, dst, shift, distance)
    order = canonical_order(found, len(positions))
    return take(found, order[distance.take(order) < cutoff])


def translations(shift: NDArray[np.int32], cell: FloatArray) -> FloatArray:
    """(3, n_pairs) shift·cell, Å, a row for each Cartesian axis.

    Summed in one order for every number of pairs, and exactly opposite for opposite shifts: whether a pair is below
    a cutoff depends only on its atoms, and its reverse is below it too.
    """
    first, second, third = (shift[:, axis].astype(np.float64) for axis in range(3))
    return np.stack([first * a + second * b + third * c for a, b, c in cell.T])


def pair_distances(positions: FloatArray, src: IntArray, dst: IntArray, translation: FloatArray) -> FloatArray:
    """(n_pairs,) lengths of x[dst] − x[src] + translation, Å, the same to the bit whichever pairs are asked for."""
    total = np.zeros(len(src))
    for coordinate, along in zip(np.ascontiguousarray(positions.T), translation, strict=True):
        difference = coordinate.take(dst)
        difference -= coordinate.take(src)
        difference += along
        difference *= difference
        total += difference
    lengths: FloatArray = np.sqrt(total, out=total)
    return lengths


def canonical_order(pairs: NeighborPairs, n_atoms: int) -> IntArray:
    """(n_pairs,) indices that sort pairs by dst, then src, then shift; equal ones keep their order."""
    shift = pairs.shift
    packing = shift_packing(shift, n_atoms)
    if packing is None:
        order: IntArray = np.lexsort((shift[:, 2], shift[:, 1], shift[:, 0], pairs.src, pairs.dst))
        return order
    return np.argsort(packed_keys(pairs.dst, pairs.src, shift, n_atoms, packing), kind="stable")


Packing = tuple[int, int, int]
"""Largest lattice translation along each axis, either way."""


def shift_packing(shift: NDArray[np.int32], n_atoms: int) -> Packing | None:
    """What :func:`packed_keys` needs; None where keys would not fit into 64 bits."""
    if len(shift) == 0:
        return 0, 0, 0
    first, second, third = (max(int(column.max()), -int(column.min())) for column in shift.T)
    n_keys = n_atoms**2 * (2 * first + 1) * (2 * second + 1) * (2 * third + 1)
    return (first, second, third) if n_keys < 2**63 else None


def packed_keys(major: IntArray, minor: IntArray, shift: NDArray[np.int32], n_atoms: int, packing: Packing) -> IntArray:
    """(n_pairs,) one number per pair that sorts like (major, minor, shift)."""
    keys = major * n_atoms
    keys += minor
    for axis, largest in enumerate(packing):
        keys *= 2 * largest + 1
        keys += shift[:, axis]
        keys += largest
    return keys


def take(pairs: NeighborPairs, chosen: IntArray) -> NeighborPairs:
    """The chosen pairs, in the order of ``chosen``."""
    shift = torch.from_numpy(pairs.shift).index_select(0, torch.from_numpy(chosen)).numpy()  # rows: faster than numpy
    return NeighborPairs(pairs.src.take(chosen), pairs.dst.take(chosen), shift, pairs.distance.take(chosen))


def _search(
    positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_], reach: float
) -> tuple[IntArray, IntArray, NDArray[np.int32]]:
    """(dst, src, shift) of all pairs closer than ``reach``, in any order, possibly with a few more."""
    search_cell = complete_cell(cell, pbc)
    images = np.where(pbc, np.floor(positions @ np.linalg.inv(search_cell)), 0.0).astype(np.int32)
    inside = positions - images @ search_cell
    search_cell, inside = _enclose(search_cell, inside, pbc, reach)
    n_threads = torch.get_num_threads() if len(positions) >= WORTH_THREADS else 1
    neighbors = NeighborList(cutoff=reach, full_list=True, n_threads=n_threads)
    # its arrays exist as long as this object
    pairs, raw_shift = neighbors.compute(points=inside, box=search_cell, periodic=pbc, quantities="PS", copy=False)
    dst, src = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    shift = -raw_shift.astype(np.int32, copy=False)
    if images.any():
        shift += images[src] - images[dst]
    return dst, src, shift


WORTH_THREADS = 500
"""Number of atoms from which a search by several threads is faster than by one."""

ROUNDING_A = 1e-6
"""The search reaches this much (Å) beyond the cutoff, so that rounding does not lose a pair."""


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
    """Coordinates from 0 on, empty stretches cut to ``longest``, so that a distant atom costs no empty bins."""
    order = np.argsort(coordinates)
    steps = np.diff(coordinates[order], prepend=coordinates[order[0]])
    closed = np.empty_like(coordinates)
    closed[order] = np.cumsum(np.minimum(steps, longest))
    return closed
