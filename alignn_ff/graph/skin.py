"""A Verlet skin: one neighbour search serves many steps of a run.

In: positions, cell, periodicity of a structure that moves a little from call to call. Out: a
:data:`~alignn_ff.graph.neighbors.Search` that answers from a list of all pairs below a longer radius, as long as that
list provably holds every pair asked for, and searches again otherwise. The pairs below the asked length are measured
and chosen each time, in canonical order, so results do not depend on the list, nor on earlier calls.

A list made at positions x₀ and cell₀ with radius R holds all pairs below r as long as

    R·σ_min(F) − |u|₁ − |u|₂ ≥ r,    F = cell₀⁻¹·cell,    u = x − x₀·F less its mean,

where |u|₁ and |u|₂ are the two largest displacements: a pair's vector is F times the old one plus the difference of
two displacements, so a uniform strain costs as much as it shortens, and a drift of all atoms costs nothing.
"""

from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.graph.neighbors import (
    ROUNDING_A,
    FloatArray,
    NeighborPairs,
    Search,
    pair_distances,
    radius_pairs,
    take,
    translations,
)

SKIN_A: Final = 0.8
"""Default of how much farther (Å) than asked a list reaches; docs/performance.md has the measurement."""


class SkinList(NamedTuple):
    """All pairs of one structure below a radius, at one moment.

    Attributes:
        positions: (n_atoms, 3) Å, at that moment.
        cell: (3, 3) Å, rows of non-periodic axes zero.
        pbc: (3,) periodicity per axis.
        radius: Å.
        pairs: all pairs closer than ``radius``, in canonical order.
        translation: (3, n_pairs) shift·cell, Å.
    """

    positions: FloatArray
    cell: FloatArray
    pbc: NDArray[np.bool_]
    radius: float
    pairs: NeighborPairs
    translation: FloatArray


class VerletSkin:
    """Finds the pairs of one structure after another, reusing the last search where that is safe.

    A structure with another number of atoms or periodicity, or moved too far, needs a new search; elements do not
    matter.

    Attributes:
        skin_A: how much farther than asked a list reaches.
        current: the current list.
        n_searches: lists made so far.
    """

    def __init__(self, skin_A: float = SKIN_A) -> None:
        self.skin_A = skin_A
        self.current: SkinList | None = None
        self.n_searches = 0

    def search(self, positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_]) -> Search:
        """A search for the pairs of this structure."""
        periodic_cell = np.where(pbc[:, None], cell, 0.0)
        return partial(self._pairs, positions, periodic_cell, pbc)

    def _pairs(self, positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_], cutoff: float) -> NeighborPairs:
        if self.current is None or reliable_radius(self.current, positions, cell, pbc) < cutoff:
            self.current = make_list(positions, cell, pbc, cutoff + self.skin_A)
            self.n_searches += 1
        return pairs_below(self.current, positions, cell, cutoff)


def make_list(positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_], radius: float) -> SkinList:
    """Search for all pairs below a radius, and note where the atoms were."""
    pairs = radius_pairs(positions, cell, pbc, radius)
    return SkinList(positions.copy(), cell.copy(), pbc.copy(), radius, pairs, translations(pairs.shift, cell))


def reliable_radius(skin: SkinList, positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_]) -> float:
    """Length (Å) below which a list made elsewhere holds every pair of this structure; −inf for another structure."""
    if positions.shape != skin.positions.shape or not np.array_equal(pbc, skin.pbc):
        return -np.inf
    if np.array_equal(cell, skin.cell):
        shortest_stretch, displaced = 1.0, positions - skin.positions
    else:
        deformation = np.eye(3) + np.linalg.pinv(skin.cell) @ (cell - skin.cell)
        shortest_stretch = float(np.linalg.svd(deformation, compute_uv=False)[-1])
        displaced = positions - skin.positions @ deformation
    displaced -= displaced.mean(axis=0)
    moved = np.einsum("ij,ij->i", displaced, displaced)
    two_largest = float(np.sqrt(np.partition(moved, -2)[-2:]).sum()) if len(moved) > 1 else 0.0
    return skin.radius * shortest_stretch - two_largest - ROUNDING_A


def pairs_below(skin: SkinList, positions: FloatArray, cell: FloatArray, cutoff: float) -> NeighborPairs:
    """The pairs of a list that are closer than ``cutoff`` now, in canonical order."""
    same_cell = np.array_equal(cell, skin.cell)
    translation = skin.translation if same_cell else translations(skin.pairs.shift, cell)
    distance = pair_distances(positions, skin.pairs.src, skin.pairs.dst, translation)
    return take(skin.pairs._replace(distance=distance), np.flatnonzero(distance < cutoff))
