"""How large a graph is, or will be: the numbers that time and memory go with.

In: a graph, or a structure and a recipe. Out: a :class:`GraphSize`. The expected one takes milliseconds where building
the graph would take minutes: the surroundings of a few atoms stand for all.
"""

import itertools
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.cells import face_distances_A
from alignn_ff.graph.containers import AtomicGraph, AtomicSystem
from alignn_ff.graph.neighbors import FloatArray, complete_cell
from alignn_ff.graph.recipe import GraphRecipe
from alignn_ff.graph.strategies import STRATEGIES

SAMPLED_ATOMS: Final = 24
"""Atoms whose neighbours are counted; in a disordered solid this gives the mean within a few per cent."""


class GraphSize(NamedTuple):
    """Numbers of atoms, edges, edges that take part in angles, and triplets."""

    n_atoms: int
    n_edges: int
    n_line_nodes: int
    n_triplets: int


def graph_size(graph: AtomicGraph) -> GraphSize:
    """The size of a graph."""
    return GraphSize(
        graph.atomic_numbers.shape[0], graph.edge_src.shape[0], graph.line_nodes.shape[0], graph.line_src.shape[0]
    )


def expected_size(system: AtomicSystem, recipe: GraphRecipe) -> GraphSize:
    """Approximate size of the graph of one structure, before it is built.

    With a cap on neighbours, whole shells and their reverses count as a fifth more edges than the cap.
    """
    box = _box(system)
    n_atoms = len(box.fractional)
    chosen = np.random.default_rng(0).choice(n_atoms, size=min(n_atoms, SAMPLED_ATOMS), replace=False)
    lengths = [_neighbor_distances(box, int(atom), recipe.cutoff) for atom in chosen]
    bonds = np.array([len(near) for near in lengths], dtype=np.float64)
    angular = np.array([(near < recipe.line_cutoff).sum() for near in lengths], dtype=np.float64)
    return _sized(n_atoms, bonds, angular, recipe)


def size_by_density(system: AtomicSystem, recipe: GraphRecipe) -> GraphSize | None:
    """The same from the density alone, without a search; None without three periodic directions and a volume."""
    n_atoms, volume = system.positions.shape[0], abs(float(np.linalg.det(system.cell[0].detach().cpu().numpy())))
    if not bool(system.pbc.all()) or volume == 0.0:
        return None
    bonds, angular = (
        np.array([n_atoms / volume * 4.0 / 3.0 * np.pi * reach**3]) for reach in (recipe.cutoff, recipe.line_cutoff)
    )
    return _sized(n_atoms, bonds, angular, recipe)


def _sized(n_atoms: int, bonds: FloatArray, angular: FloatArray, recipe: GraphRecipe) -> GraphSize:
    """The size of a graph whose atoms have so many neighbours, below the cutoff and below that of angles."""
    cap = STRATEGIES[recipe.neighbor_strategy].cap
    if recipe.max_neighbors is not None and cap != "none":
        whole_shells = cap == "whole shells"
        most = recipe.max_neighbors * (SHELLS_MORE if whole_shells else 1.0)
        bonds = np.full_like(bonds, most) if whole_shells else np.minimum(bonds, most)
        angular = bonds if whole_shells and recipe.three_body_cutoff is None else np.minimum(angular, most)
    angular = angular * recipe.compute_line_graph
    triplets = np.square(angular) if recipe.back_tracking else angular * np.maximum(angular - 1, 0)
    return GraphSize(n_atoms, *(round(n_atoms * float(each.mean())) for each in (bonds, angular, triplets)))


SHELLS_MORE: Final = 1.2
"""Edges of an atom to whole shells, and the reverses that other atoms ask for, over k."""


class _Box(NamedTuple):
    """A structure in fractional coordinates (n_atoms, 3) of a full cell, and the distances of its lattice planes, Å."""

    fractional: FloatArray
    cell: FloatArray
    pbc: NDArray[np.bool_]
    heights: FloatArray


def _box(system: AtomicSystem) -> _Box:
    pbc = system.pbc[0].cpu().numpy()
    cell = complete_cell(system.cell[0].detach().cpu().numpy(), pbc)
    fractional = np.asfortranarray(system.positions.detach().cpu().numpy() @ np.linalg.inv(cell))
    return _Box(fractional, cell, pbc, face_distances_A(cell))


def _neighbor_distances(box: _Box, atom: int, cutoff: float) -> FloatArray:
    """Distances from one atom to its neighbours below ``cutoff``, in Å, by looking at every atom.

    A fractional coordinate differs by less than cutoff/height from that of a neighbour, and is at most a half after
    wrapping, so further images are needed only in cells thinner than two cutoffs.
    """
    height, n_images = box.heights, np.where(box.pbc, np.floor(cutoff / box.heights + 0.5), 0).astype(int)
    within = np.arange(len(box.fractional))
    for axis in range(3):  # by planes first: most atoms are ruled out by one coordinate
        apart = box.fractional[within, axis] - box.fractional[atom, axis]
        if box.pbc[axis]:
            apart -= np.round(apart)
        within = within[np.abs(apart) < cutoff / height[axis] + n_images[axis]]
    apart = box.fractional[within] - box.fractional[atom]
    nearby = (apart - np.where(box.pbc, np.round(apart), 0.0)) @ box.cell
    found = []
    for image in itertools.product(*(range(-n, n + 1) for n in n_images)):
        distances = np.linalg.norm(nearby + np.array(image) @ box.cell, axis=1)
        found.append(distances[(distances < cutoff) & (distances > 0)])
    return np.concatenate(found)
