"""The graph of the present positions from a list, in arrays of fixed sizes, without a word from the host.

In: a :class:`~alignn_ff.graph.fixed.lists.FixedList` and where the atoms are. Out: the graph that
:func:`alignn_ff.graph.build_graph` makes, followed by padding, and a status, from which
:class:`~alignn_ff.graph.fixed.status.Status` tells whether this is so.

Every operation has the same shapes at every step, so the operations of a step can be recorded once and replayed.
Padding is a second structure of the batch: atoms that are farther apart than the cutoff, joined by the edges that are
left over. Envelopes take these edges out of all sums, and no number of the first structure depends on the second.
"""

import math
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from alignn_ff.graph.containers import AtomicGraph, AtomicSystem
from alignn_ff.graph.fixed.lists import PADDING_NODES, Capacities, FixedList, most_padding
from alignn_ff.graph.fixed.search import counted, distances
from alignn_ff.graph.neighbors import ROUNDING_A, FloatArray
from alignn_ff.graph.recipe import GraphRecipe

N_CELL = 19
"""Numbers beside the positions: the cell, its deformation since the list was made, the smallest stretch in it."""


class Moved(NamedTuple):
    """Where the atoms are; of one structure the host tells it to the device in one array.

    Of several structures, the last three have a first axis for them.

    Attributes:
        positions: (n_atoms, 3) float64, Å.
        cell: (3, 3) Å.
        deformation: (3, 3) F = cell₀⁻¹·cell.
        stretch: () smallest singular value of F, or less.
    """

    positions: Tensor
    cell: Tensor
    deformation: Tensor
    stretch: Tensor

    @classmethod
    def of(cls, flat: Tensor) -> Self:
        """From the array that :func:`moved_from` makes."""
        positions, cell, deformation, stretch = flat.split([flat.shape[0] - N_CELL, 9, 9, 1])
        return cls(positions.view(-1, 3), cell.view(3, 3), deformation.view(3, 3), stretch.view(()))


class FixedGraph(NamedTuple):
    """A step's graph.

    Attributes:
        system, graph: the structures, and the padding as one more.
        status: (7,) float64, see :class:`~alignn_ff.graph.fixed.status.Status`; the smallest reserve, sums of numbers.
        alarms: (n_systems,) float64, of each structure the pairs that are closer than they should be.
        fewest_edges: (n_systems,) float64, of each structure the edges of the atom with the fewest.
    """

    system: AtomicSystem
    graph: AtomicGraph
    status: Tensor
    alarms: Tensor
    fewest_edges: Tensor


def moved_from(known: FixedList, positions: FloatArray, cell: FloatArray) -> Tensor:
    """(3·n_atoms + 19,) float64 on the host: what :class:`Moved` holds, in one array."""
    periodic = np.where(known.pbc[:, None], cell, 0.0)  # a slab whose cell has a third vector has a volume
    deformation, stretch = np.eye(3), 1.0
    if not np.array_equal(periodic, known.cell):
        deformation = deformation + np.linalg.pinv(known.cell) @ (periodic - known.cell)
        stretch = float(np.linalg.svd(deformation, compute_uv=False)[-1])
    return torch.from_numpy(np.concatenate([positions.ravel(), cell.ravel(), deformation.ravel(), [stretch]]))


def fixed_graph(known: FixedList, capacities: Capacities, recipe: GraphRecipe, moved: Moved) -> FixedGraph:
    """The graph of a structure, or of several, whose atoms have moved since a list was made.

    Args:
        known: the list.
        capacities: sizes of the arrays.
        recipe: of the list.
        moved: where the atoms are, on the device of the list.
    """
    pairs, n_atoms, device = known.pairs, known.positions.shape[0], known.positions.device
    distance = distances(moved.positions, pairs.src, pairs.dst, pairs.shift, moved.cell, known.of_pairs)
    inside = distance < recipe.cutoff
    slot = inside.cumsum(0) - 1  # of each pair among the edges
    n_edges = inside.sum()
    rows = torch.arange(capacities.edges, device=device)
    padding = rows >= n_edges
    chosen = _compact(inside, slot, capacities.edges)
    n_padding_atoms = math.ceil(most_padding(capacities.edges) / capacities.per_atom)
    far, last = n_atoms, n_atoms + n_padding_atoms
    from_end = (capacities.edges - 1 - rows) // capacities.per_atom
    edge_src = torch.where(padding, far, pairs.src[chosen])
    edge_dst = torch.where(padding, (last - from_end).clamp(min=far + 1), pairs.dst[chosen])
    incoming = edge_dst.new_zeros(n_atoms).scatter_add_(0, pairs.dst, inside.long())
    line = _line_graph(known, capacities, recipe, distance, slot.clamp(0, capacities.edges - 1), inside)
    system = _with_padding(known, recipe, moved, n_padding_atoms)
    alarming = (distance < known.alarms).logical_and(inside)
    graph = AtomicGraph(
        atomic_numbers=system.atomic_numbers,
        system_idx=system.system_idx,
        extra_features=None,
        edge_src=edge_src,
        edge_dst=edge_dst,
        edge_shift=torch.where(padding[:, None], 0, pairs.shift[chosen]),
        line_nodes=line.nodes,
        line_src=line.src,
        line_dst=line.dst,
        n_atoms=counted(system.system_idx, system.cell.shape[0]),
        n_edges=_with_rest(_per_system(known, inside, known.of_pairs), capacities.edges),
        n_line_nodes=_with_rest(line.n_nodes, capacities.line_nodes),
        n_triplets=_with_rest(line.n_triplets, capacities.triplets),
        most_edges=capacities.per_atom,
    )
    fewest = smallest_per_system(known, incoming)
    numbers = [
        _reserve(known, recipe, moved).min(),
        n_edges,
        line.n_nodes.sum(),
        line.n_triplets.sum(),
        incoming.max(),
        fewest.min(),
        alarming.sum(),
    ]
    status = torch.stack([number.double() for number in numbers])
    return FixedGraph(system, graph, status, _per_system(known, alarming, known.of_pairs).double(), fewest.double())


def _per_system(known: FixedList, chosen: Tensor, of_rows: Tensor | None) -> Tensor:
    """(n_systems,) int64, how many rows are chosen; ``of_rows`` is the structure of each, None for one structure."""
    if of_rows is None:
        return chosen.sum()[None]
    return of_rows.new_zeros(known.periodic.shape[0]).scatter_add_(0, of_rows, chosen.long())


def _with_rest(counts: Tensor, capacity: int) -> Tensor:
    """Numbers of rows of the structures, and of the padding."""
    return torch.cat([counts, (capacity - counts.sum())[None]])


def smallest_per_system(known: FixedList, values: Tensor) -> Tensor:
    """(n_systems,) smallest of the values of atoms of each structure."""
    if known.of_pairs is None:
        return values.min()[None]
    found = values[:1].expand(known.periodic.shape[0]).clone()
    return found.scatter_reduce_(0, known.system_idx, values, "amin", include_self=False)


class _Line(NamedTuple):
    """The line graph, followed by padding; numbers are those of each structure."""

    nodes: Tensor
    src: Tensor
    dst: Tensor
    n_nodes: Tensor
    n_triplets: Tensor


def _line_graph(
    known: FixedList, capacities: Capacities, recipe: GraphRecipe, distance: Tensor, slot: Tensor, inside: Tensor
) -> _Line:
    """Line nodes and triplets; padding ends at the last edges, which are padding too."""
    device = distance.device
    if not known.nodes.shape[0]:
        none = slot.new_zeros(0)
        return _Line(none, none, none, *(_per_system(known, none, None if known.of_pairs is None else none),) * 2)
    close = inside & (distance < recipe.line_cutoff)
    among = close[known.nodes]
    chosen = known.nodes[_compact(among, among.cumsum(0) - 1, capacities.line_nodes)]
    n_nodes = among.sum()
    rows = torch.arange(capacities.line_nodes, device=device)
    nodes = torch.where(rows >= n_nodes, rows + (capacities.edges - capacities.line_nodes), slot[chosen])

    formed = close[known.first] & close[known.second]
    taken = _compact(formed, formed.cumsum(0) - 1, capacities.triplets)
    n_triplets = formed.sum()
    rows = torch.arange(capacities.triplets, device=device)
    most = math.ceil(most_padding(capacities.triplets) / PADDING_NODES)
    filler = capacities.edges - 1 - ((capacities.triplets - 1 - rows) // most).clamp(max=PADDING_NODES - 1)
    padding = rows >= n_triplets
    src = torch.where(padding, filler, slot[known.first[taken]] if known.first.shape[0] else filler)
    dst = torch.where(padding, filler, slot[known.second[taken]] if known.second.shape[0] else filler)
    of_nodes, of_triplets = (
        None if known.of_pairs is None else known.of_pairs[pairs] for pairs in (known.nodes, known.first)
    )
    return _Line(nodes, src, dst, _per_system(known, among, of_nodes), _per_system(known, formed, of_triplets))


def _compact(chosen: Tensor, slot: Tensor, capacity: int) -> Tensor:
    """(capacity,) ids of the chosen rows, in their order; 0 beyond them. What is too much is left out."""
    target = torch.where(chosen, slot, capacity).clamp(max=capacity)
    ids = torch.arange(chosen.shape[0], device=chosen.device)
    return ids.new_zeros(capacity + 1).scatter_(0, target, ids)[:capacity]


def _with_padding(known: FixedList, recipe: GraphRecipe, moved: Moved, n_padding_atoms: int) -> AtomicSystem:
    """The structures, and one atom twice the cutoff away from ``n_padding_atoms`` others at one place."""
    device, more = known.positions.device, n_padding_atoms + 1
    beside = torch.zeros(more, 3, dtype=torch.float64, device=device)
    beside[0].fill_(2.0 * recipe.cutoff)
    cells, periodic = moved.cell.view(-1, 3, 3), known.periodic.view(-1, 3)
    return AtomicSystem(
        positions=torch.cat([moved.positions, beside]),
        cell=torch.cat([cells, torch.zeros_like(cells[:1])]),
        pbc=torch.cat([periodic, torch.zeros_like(periodic[:1])]),
        atomic_numbers=torch.cat([known.numbers, known.numbers[:1].expand(more)]),
        system_idx=torch.cat([known.system_idx, known.system_idx.new_full((more,), cells.shape[0])]),
    )


def _reserve(known: FixedList, recipe: GraphRecipe, moved: Moved) -> Tensor:
    """(n_systems,) Å, what ``skin.reliable_radius`` finds, less the cutoff; of several structures, or less."""
    if known.of_pairs is None:
        displaced = moved.positions - known.positions @ moved.deformation
        length = torch.linalg.vector_norm(displaced - displaced.mean(0), dim=1)
        two_largest = length.topk(2).values.sum() if length.shape[0] > 1 else length.new_zeros(())
    else:
        expected = torch.einsum("na,nab->nb", known.positions, moved.deformation[known.system_idx])
        displaced = moved.positions - expected
        length = torch.linalg.vector_norm(displaced - _means(known, displaced)[known.system_idx], dim=1)
        two_largest = -2.0 * smallest_per_system(known, -length)
    reserve: Tensor = known.radius * moved.stretch - two_largest - (ROUNDING_A + recipe.cutoff)
    return reserve[None] if known.of_pairs is None else reserve


def _means(known: FixedList, values: Tensor) -> Tensor:
    """(n_systems, 3) mean of the values of atoms of each structure."""
    sums = values.new_zeros(known.periodic.shape[0], 3).index_add_(0, known.system_idx, values)
    return sums / counted(known.system_idx, known.periodic.shape[0])[:, None]
