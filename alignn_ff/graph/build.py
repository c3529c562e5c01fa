"""From atoms to containers: ASE Atoms → AtomicSystem → AtomicGraph, and batches of both."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.errors import StructureError
from alignn_ff.graph.containers import AtomicGraph, AtomicSystem
from alignn_ff.graph.line_graph import line_pairs
from alignn_ff.graph.neighbors import IntArray, NeighborPairs, radius_pairs
from alignn_ff.graph.recipe import GraphRecipe
from alignn_ff.graph.skin import VerletSkin
from alignn_ff.graph.strategies import STRATEGIES
from alignn_ff.io import check_atoms


def system_from_atoms(atoms: Atoms) -> AtomicSystem:
    """One structure as tensors on the CPU.

    Raises:
        StructureError: no atoms, positions or cell not finite, a periodic axis without a lattice
            vector, or an atomic number that is not an element.
    """
    check_atoms(atoms)
    n_atoms = len(atoms)
    return AtomicSystem(
        positions=torch.from_numpy(np.array(atoms.positions, dtype=np.float64)),
        cell=torch.from_numpy(np.array(atoms.cell.array, dtype=np.float64))[None],
        pbc=torch.tensor(atoms.pbc, dtype=torch.bool)[None],
        atomic_numbers=torch.tensor(atoms.numbers, dtype=torch.int64),
        system_idx=torch.zeros(n_atoms, dtype=torch.int64),
    )


def with_extra_features(graph: AtomicGraph, atoms: Atoms) -> AtomicGraph:
    """The graph with the array ``extra_features`` of its structure, if there is one."""
    if "extra_features" not in atoms.arrays:
        return graph
    rows = torch.as_tensor(atoms.arrays["extra_features"], dtype=torch.float64)
    return graph._replace(extra_features=rows.reshape(len(atoms), -1))


def build_graph(system: AtomicSystem, recipe: GraphRecipe, *, skin: VerletSkin | None = None) -> AtomicGraph:
    """Bond graph and line graph of one structure.

    Args:
        system: one structure.
        recipe: neighbour strategy and cutoffs.
        skin: finds the pairs, reusing what it found for the structure before; the graph does not depend on it.

    Raises:
        StructureError: two atoms at one place; both are named.
    """
    return graph_of_pairs(system, find_pairs(system, recipe, skin=skin), recipe)


def find_pairs(system: AtomicSystem, recipe: GraphRecipe, *, skin: VerletSkin | None = None) -> NeighborPairs:
    """The edges of the graph of one structure, with their lengths, on the CPU; arguments of :func:`build_graph`.

    Raises:
        StructureError: two atoms at one place; both are named.
    """
    positions = system.positions.detach().cpu().numpy()
    cell = system.cell[0].detach().cpu().numpy()
    pbc = system.pbc[0].cpu().numpy()
    search = partial(radius_pairs, positions, cell, pbc) if skin is None else skin.search(positions, cell, pbc)
    pairs = STRATEGIES[recipe.neighbor_strategy].find(search, positions, pbc, recipe)
    _refuse_coincident(pairs)
    return pairs


def graph_of_pairs(system: AtomicSystem, pairs: NeighborPairs, recipe: GraphRecipe) -> AtomicGraph:
    """Bond graph and line graph of one structure with the edges that :func:`find_pairs` found."""
    n_atoms = len(system.positions)
    nodes = _line_nodes(pairs, recipe)
    line_src, line_dst = line_pairs(
        pairs,
        nodes,
        n_atoms,
        back_tracking=recipe.back_tracking,
        own_image_angles=recipe.own_image_angles,
    )
    device = system.positions.device

    def tensor(array: NDArray[np.int64] | NDArray[np.int32]) -> Tensor:
        return torch.from_numpy(array).to(device)

    return AtomicGraph(
        atomic_numbers=system.atomic_numbers,
        system_idx=system.system_idx,
        extra_features=None,
        edge_src=tensor(pairs.src),
        edge_dst=tensor(pairs.dst),
        edge_shift=tensor(pairs.shift),
        line_nodes=tensor(nodes),
        line_src=tensor(line_src),
        line_dst=tensor(line_dst),
        n_atoms=torch.tensor([n_atoms], device=device),
        n_edges=torch.tensor([len(pairs.src)], device=device),
        n_line_nodes=torch.tensor([len(nodes)], device=device),
        n_triplets=torch.tensor([len(line_src)], device=device),
    )


def graph_of_many(
    systems: Sequence[AtomicSystem], pairs: Sequence[NeighborPairs], recipe: GraphRecipe
) -> tuple[AtomicSystem, AtomicGraph]:
    """Several structures and their graph in one go: what :func:`batch_systems` and :func:`batch_graphs` give.

    Args:
        systems: one structure each, on the CPU.
        pairs: of each, as :func:`find_pairs` finds them.
        recipe: neighbour strategy and cutoffs.
    """
    n_atoms = [system.positions.shape[0] for system in systems]
    n_edges = [len(each.src) for each in pairs]
    first = np.repeat(_offsets(n_atoms), n_edges)
    joined = NeighborPairs(
        np.concatenate([each.src for each in pairs]) + first,
        np.concatenate([each.dst for each in pairs]) + first,
        np.concatenate([each.shift for each in pairs]),
        np.concatenate([each.distance for each in pairs]),
    )
    whole = batch_systems(systems)
    graph = graph_of_pairs(whole, joined, recipe)
    ends = np.cumsum(n_edges)
    counts = {"n_atoms": np.array(n_atoms), "n_edges": np.array(n_edges)}
    for name, edges in (("n_line_nodes", graph.line_nodes), ("n_triplets", graph.line_dst)):
        counts[name] = np.diff(np.searchsorted(edges.numpy(), ends), prepend=0)
    tensors: dict[str, Any] = {name: torch.from_numpy(count) for name, count in counts.items()}
    return whole, graph._replace(**tensors)


COINCIDENT_A = 1e-3
"""Atoms closer than this (Å) count as duplicates."""


def batch_systems(systems: Sequence[AtomicSystem]) -> AtomicSystem:
    """Concatenate structures; atoms keep their order, ``system_idx`` continues from structure to structure."""
    offsets = _offsets([s.cell.shape[0] for s in systems])
    return AtomicSystem(
        positions=torch.cat([s.positions for s in systems]),
        cell=torch.cat([s.cell for s in systems]),
        pbc=torch.cat([s.pbc for s in systems]),
        atomic_numbers=torch.cat([s.atomic_numbers for s in systems]),
        system_idx=torch.cat([s.system_idx + o for s, o in zip(systems, offsets, strict=True)]),
    )


def batch_graphs(graphs: Sequence[AtomicGraph]) -> AtomicGraph:
    """Concatenate graphs; no edge or triplet connects two structures."""
    atom_offset = _offsets([g.atomic_numbers.shape[0] for g in graphs])
    edge_offset = _offsets([g.edge_src.shape[0] for g in graphs])
    system_offset = _offsets([g.n_atoms.shape[0] for g in graphs])
    extra = [g.extra_features for g in graphs if g.extra_features is not None]
    if extra and len(extra) != len(graphs):
        raise StructureError("some structures carry extra_features and some do not; give them to all or to none")
    counted = [g.most_edges for g in graphs if g.most_edges is not None]

    def joined(field: str, offsets: list[int] | None = None) -> Tensor:
        parts: list[Tensor] = [getattr(g, field) for g in graphs]
        return torch.cat(parts if offsets is None else [p + o for p, o in zip(parts, offsets, strict=True)])

    return AtomicGraph(
        atomic_numbers=joined("atomic_numbers"),
        system_idx=joined("system_idx", system_offset),
        extra_features=torch.cat(extra) if extra else None,
        edge_src=joined("edge_src", atom_offset),
        edge_dst=joined("edge_dst", atom_offset),
        edge_shift=joined("edge_shift"),
        line_nodes=joined("line_nodes", edge_offset),
        line_src=joined("line_src", edge_offset),
        line_dst=joined("line_dst", edge_offset),
        n_atoms=joined("n_atoms"),
        n_edges=joined("n_edges"),
        n_line_nodes=joined("n_line_nodes"),
        n_triplets=joined("n_triplets"),
        most_edges=max(counted) if len(counted) == len(graphs) else None,
    )


def _refuse_coincident(pairs: NeighborPairs) -> None:
    if pairs.distance.min(initial=np.inf) >= COINCIDENT_A:
        return
    coincident = np.flatnonzero((pairs.distance < COINCIDENT_A) & (pairs.src <= pairs.dst))
    named = ", ".join(f"{pairs.src[e]} and {pairs.dst[e]}" for e in coincident[:5])
    more = f" and {coincident.size - 5} more pairs" if coincident.size > 5 else ""
    raise StructureError(f"atoms at one place: {named}{more} (closer than {COINCIDENT_A} Å); remove the duplicates")


def _line_nodes(pairs: NeighborPairs, recipe: GraphRecipe) -> IntArray:
    """Ascending ids of the edges that take part in angles."""
    if not recipe.compute_line_graph:
        return np.zeros(0, dtype=np.int64)
    limit = np.inf if recipe.three_body_cutoff is None else recipe.three_body_cutoff
    return np.flatnonzero(pairs.distance < limit).astype(np.int64)


def _offsets(counts: list[int]) -> list[int]:
    return [0, *np.cumsum(counts)[:-1].tolist()]
