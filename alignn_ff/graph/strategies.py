"""Which pairs of atoms become edges: a table, name → strategy.

In: a search for all pairs of one structure below a length, and a recipe. Out: directed pairs in canonical order, which
do not depend on how the search is done, from scratch or from an existing list. A strategy decides the topology only;
lengths and directions come from :func:`alignn_ff.graph.edge_vectors`, so gradients flow through them whatever the
strategy.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.graph.neighbors import FloatArray, NeighborPairs, Search
from alignn_ff.graph.recipe import GraphRecipe, NeighborStrategy
from alignn_ff.graph.shells import TIE_A, nearest_per_source, own_images_twice, whole_shells, with_reverses

FindPairs = Callable[[Search, FloatArray, NDArray[np.bool_], GraphRecipe], NeighborPairs]
"""(search, positions (n_atoms, 3) Å, pbc (3,), recipe) → pairs in canonical order."""


Cap = Literal["none", "nearest", "whole shells"]


class Strategy(NamedTuple):
    """One way to find neighbours.

    Attributes:
        find: the search.
        smooth: whether an edge comes or goes at a fixed length only, so that an envelope can hide it. With a cap
            or whole shells, an atom that moves far from the cutoff swaps edges, and the energy jumps.
        symmetric: whether each edge has its reverse.
        cap: what ``max_neighbors`` limits: nothing, the neighbours per atom, or those before the last whole shell.
    """

    find: FindPairs
    smooth: bool
    symmetric: bool
    cap: Cap = "none"


def complete(search: Search, positions: FloatArray, pbc: NDArray[np.bool_], recipe: GraphRecipe) -> NeighborPairs:
    """All pairs below the cutoff, images of an atom itself included.

    With ``cutoff_extra`` the cutoff of a periodic structure that has an atom without neighbours grows in such steps, up
    to twice its value, until every atom has one. Where that is not enough the atom is isolated, which is legal, and the
    cutoff stays as it was given. Growing is a jump of the energy: smooth families have ``cutoff_extra`` 0.
    """
    pairs = search(recipe.cutoff)
    if recipe.cutoff_extra == 0 or not pbc.any() or _all_have_neighbors(pairs, len(positions)):
        return pairs
    n_steps = int(recipe.cutoff / recipe.cutoff_extra + 1e-9)
    for step in range(1, n_steps + 1):
        grown = search(recipe.cutoff + step * recipe.cutoff_extra)
        if _all_have_neighbors(grown, len(positions)):
            return grown
    return pairs


def capped(
    search: Search,
    positions: FloatArray,  # noqa: ARG001 - one signature for all strategies
    pbc: NDArray[np.bool_],  # noqa: ARG001
    recipe: GraphRecipe,
) -> NeighborPairs:
    """Below the cutoff, the edges from each atom to its ``max_neighbors`` nearest; they need not have a reverse."""
    pairs = search(recipe.cutoff)
    return pairs if recipe.max_neighbors is None else nearest_per_source(pairs, recipe.max_neighbors)


def k_nearest(search: Search, positions: FloatArray, pbc: NDArray[np.bool_], recipe: GraphRecipe) -> NeighborPairs:
    """From each atom to all neighbours as near as its k-th, k being ``max_neighbors``, and the reverse of each edge.

    The search starts with ``cutoff`` and grows until each atom has k neighbours, so the graph does not depend on it.
    An atom of a molecule that has fewer than k others is joined to all of them.

    With ``use_canonize`` an edge is there once. Without, it is there once for each of its atoms that counts the other
    among its nearest, as published: twice, mostly.
    """
    if recipe.max_neighbors is None:
        raise ValueError("k-nearest needs max_neighbors")
    everything = np.inf if pbc.any() else 2.0 * float(np.linalg.norm(np.ptp(positions, axis=0))) + 1.0
    reach = recipe.cutoff
    while True:
        pairs = search(min(reach, everything))
        reliable = pairs.src[pairs.distance < min(reach, everything) - TIE_A]
        n_neighbors = np.bincount(reliable, minlength=len(positions))
        if n_neighbors.min() >= recipe.max_neighbors or reach >= everything:
            break
        reach *= SEARCH_GROWTH
    edges = with_reverses(whole_shells(pairs, recipe.max_neighbors), len(positions), once=recipe.use_canonize)
    return own_images_twice(edges) if recipe.use_canonize and recipe.own_image_bonds_twice else edges


SEARCH_GROWTH: Final = 1.5
"""Factor on the search radius of k-nearest while an atom has too few neighbours."""


def _all_have_neighbors(pairs: NeighborPairs, n_atoms: int) -> bool:
    return len(np.unique(pairs.src)) == n_atoms


STRATEGIES: Final[dict[NeighborStrategy, Strategy]] = {
    "k-nearest": Strategy(k_nearest, smooth=False, symmetric=True, cap="whole shells"),
    "radius_graph": Strategy(complete, smooth=True, symmetric=True),
    "radius_graph_jarvis": Strategy(complete, smooth=True, symmetric=True),
    "fast_graph": Strategy(capped, smooth=False, symmetric=False, cap="nearest"),
    "torch_graph": Strategy(capped, smooth=False, symmetric=False, cap="nearest"),
    "pure_torch": Strategy(capped, smooth=False, symmetric=False, cap="nearest"),
}
"""The published package implements two of these graphs two or three times; here each of them exists once."""
