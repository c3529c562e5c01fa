"""Sources and targets of edges, ordered so that a block of edges owns the sums of its targets.

On the line graph the angles at an atom join its incoming bonds (sources) with its outgoing ones (targets): sorted by
that atom, a block also owns the sums over its sources, and blocks share nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.graph import AtomicGraph
from alignn_ff.nn import count_rows


class Topology(NamedTuple):
    """Edges in groups of targets; rows of edge arrays are in this order.

    Attributes:
        members: (n_members,) int64, node ids of those that edges join; members are numbered by their rank here.
        lone: (n_nodes − n_members,) int64, all other node ids.
        targets: (n_members,) int64, members, group by group.
        starts: (n_members + 1,) int64, where the edges of each of ``targets`` begin.
        groups: (n_groups + 1,) int64, where each group begins in ``targets``.
        sources: (n_edges,) int64, member that each edge comes from.
        entering: (n_groups + 1,) int64, where the sources of each group begin among the members, if no two groups share
            a source; else None,
        leaving: (n_edges,) int64, edges sorted by their source,
        leaving_starts: (n_members + 1,) int64, where those of each member begin.
    """

    members: Tensor
    lone: Tensor
    targets: Tensor
    starts: Tensor
    groups: Tensor
    sources: Tensor
    entering: Tensor | None = None
    leaving: Tensor | None = None
    leaving_starts: Tensor | None = None

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return self.sources.shape[0]

    @property
    def partial(self) -> bool:
        """Whether there are nodes that no edge joins."""
        return self.lone.shape[0] > 0


class LineTopology(NamedTuple):
    """The line graph.

    Attributes:
        topology: nodes are bonds.
        order: (n_triplets,) int64, the triplet of the graph that each row is.
    """

    topology: Topology
    order: Tensor


def bond_topology(graph: AtomicGraph) -> Topology:
    """The bond graph, atom by atom, its edges in the order that they have."""
    n_atoms = graph.atomic_numbers.shape[0]
    atoms = torch.arange(n_atoms + 1, device=graph.edge_dst.device)
    return Topology(
        members=atoms[:-1],
        lone=atoms[:0],
        targets=atoms[:-1],
        starts=_starts(count_rows(graph.edge_dst, n_atoms)),
        groups=atoms,
        sources=graph.edge_src,
        leaving=torch.argsort(graph.edge_src, stable=True),
        leaving_starts=_starts(count_rows(graph.edge_src, n_atoms)),
    )


def line_topology(graph: AtomicGraph) -> LineTopology:
    """The line graph, sorted by the atom at the corner."""
    nodes, n_bonds, n_atoms = graph.line_nodes, graph.edge_src.shape[0], graph.atomic_numbers.shape[0]
    n_nodes, device = nodes.shape[0], nodes.device
    rank_of = torch.full((n_bonds,), -1, device=device)
    rank_of[nodes] = torch.arange(n_nodes, device=device)
    corner = graph.edge_src.index_select(0, nodes)
    targets = torch.argsort(corner, stable=True)
    counts = count_rows(rank_of.index_select(0, graph.line_dst), n_nodes)
    first, counts = _starts(counts)[:-1][targets], counts[targets]
    starts = _starts(counts)
    n_triplets = graph.line_dst.shape[0]
    order = torch.repeat_interleave(first - starts[:-1], counts, output_size=n_triplets)
    order += torch.arange(n_triplets, device=device)
    topology = Topology(
        members=nodes,
        lone=torch.nonzero(rank_of < 0).squeeze(1),
        targets=targets,
        starts=starts,
        groups=_starts(count_rows(corner, n_atoms)),
        sources=rank_of.index_select(0, graph.line_src.index_select(0, order)),
        entering=_starts(count_rows(graph.edge_dst.index_select(0, nodes), n_atoms)),
    )
    return LineTopology(topology, order)


class Block(NamedTuple):
    """A run of whole groups: its targets and its edges."""

    targets: slice
    edges: slice


def blocks(topology: Topology, n_rows: int) -> Iterator[Block]:
    """Runs of groups with at most ``n_rows`` edges each, or a single group where it has more."""
    ends = topology.starts[topology.groups].cpu()
    targets = topology.groups.cpu()
    n_groups, group = targets.shape[0] - 1, 0
    while group < n_groups:
        fitting = int(torch.searchsorted(ends, ends[group] + n_rows, right=True)) - 1
        end = min(max(fitting, group + 1), n_groups, group + n_rows)
        yield Block(
            slice(int(targets[group]), int(targets[end])),
            slice(int(ends[group]), int(ends[end])),
        )
        group = end


def _starts(counts: Tensor) -> Tensor:
    """(n + 1,) where each of n runs begins, and the end."""
    return torch.nn.functional.pad(counts.cumsum(0), (1, 0))
