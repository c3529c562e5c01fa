"""Contractions between what nodes hold and what their edges hold, by the columns of a third array.

    Φ = Σ_e Σ_s Σ_c A[i(e), s, c]·q[e, g(s), c]·Y[e, s],   i(e) the node of edge e, g(s) the group of column s.

Its derivative in A sums over the edges of each node (:func:`contract_to_nodes`); its derivative in q hands to each edge
what its node holds along the edge (:func:`contract_to_edges`). The three derivatives are one another's derivatives, so
compiled kernels for the three are differentiable any number of times, and keep nothing but their inputs.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from alignn_ff.native import Kernels, kernels_for
from alignn_ff.nn.sums.segment import Segments, gather, make_segments, segment_sum


class Contraction(NamedTuple):
    """Who is contracted with whom.

    Attributes:
        nodes: the node of each edge, ascending.
        place: of each edge in a table of n_nodes·most_edges rows, most_edges for each node.
        most_edges: largest number of edges of a node.
        groups: (n_columns,) int64 the group of each column, ascending from 0.
        columns: where the columns of each group stand.
    """

    nodes: Segments
    place: Segments
    most_edges: int
    groups: Tensor
    columns: tuple[slice, ...]

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return self.nodes.starts.shape[0]


def make_contraction(nodes: Segments, columns: tuple[slice, ...]) -> Contraction:
    """Prepare a contraction.

    Args:
        nodes: the node of each edge, ascending.
        columns: where the columns of each group stand, without gaps.
    """
    index, n_nodes = nodes.segment, nodes.starts.shape[0]
    ends = torch.cat([nodes.starts[1:], nodes.starts.new_full((1,), index.shape[0])])
    most = int((ends - nodes.starts).max()) if n_nodes else 0
    rank = torch.arange(index.shape[0], device=index.device) - nodes.starts[index]
    groups = torch.cat([index.new_full((column.stop - column.start,), k) for k, column in enumerate(columns)])
    place = make_segments(index * most + rank, n_nodes * most, ascending=True)
    return Contraction(nodes, place, most, groups, columns)


def contract_to_nodes(edges: Tensor, along: Tensor, contraction: Contraction) -> Tensor:
    """∂Φ/∂A: A[i, s, c] = Σ_{e: i(e) = i} q[e, g(s), c]·Y[e, s].

    Args:
        edges: (n_edges, n_groups·channels) q.
        along: (n_edges, n_columns) Y.
        contraction: who belongs to whom.

    Returns:
        (n_nodes, n_columns, channels).
    """
    kernels = kernels_for((edges, along))
    if kernels is not None:
        return _ToNodes.apply(kernels, contraction, edges, along)  # type: ignore[no-any-return, no-untyped-call]
    table, columns = _table(edges, contraction).chunk(len(contraction.columns), 2), _table(along, contraction)
    parts = [columns[..., where].mT @ part for where, part in zip(contraction.columns, table, strict=True)]
    return torch.cat(parts, 1)


def contract_to_edges(nodes: Tensor, along: Tensor, contraction: Contraction) -> Tensor:
    """∂Φ/∂q: q[e, g, c] = Σ_{s: g(s) = g} A[i(e), s, c]·Y[e, s].

    Args:
        nodes: (n_nodes, n_columns, channels) A.
        along: (n_edges, n_columns) Y.
        contraction: who belongs to whom.

    Returns:
        (n_edges, n_groups·channels).
    """
    kernels = kernels_for((nodes, along))
    if kernels is not None:
        return _ToEdges.apply(kernels, contraction, nodes, along)  # type: ignore[no-any-return, no-untyped-call]
    columns = _table(along, contraction)
    table = torch.cat([columns[..., where] @ nodes[:, where] for where in contraction.columns], 2)
    return gather(table.flatten(0, 1), contraction.place)


def _table(rows: Tensor, contraction: Contraction) -> Tensor:
    """(n_nodes, most_edges, …) the rows of each node's edges, filled up with zeros."""
    return segment_sum(rows, contraction.place).view(contraction.n_nodes, contraction.most_edges, rows.shape[1])


class _ToNodes(Function):
    @staticmethod
    def forward(ctx: Any, kernels: Kernels, contraction: Contraction, edges: Tensor, along: Tensor) -> Tensor:
        ctx.owners = kernels, contraction
        edges, along = edges.contiguous(), along.contiguous()
        ctx.save_for_backward(edges, along)
        channels = edges.shape[1] // len(contraction.columns)
        nodes = edges.new_empty(contraction.n_nodes, along.shape[1], channels)
        _call("to_nodes", kernels, contraction, edges, along, nodes)
        return nodes

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        edges, along = ctx.saved_tensors
        wants_edges, wants_along = ctx.needs_input_grad[2:]
        return (
            None,
            None,
            _ToEdges.apply(*ctx.owners, gradient, along) if wants_edges else None,  # type: ignore[no-untyped-call]
            _ToColumns.apply(*ctx.owners, gradient, edges) if wants_along else None,  # type: ignore[no-untyped-call]
        )


class _ToEdges(Function):
    @staticmethod
    def forward(ctx: Any, kernels: Kernels, contraction: Contraction, nodes: Tensor, along: Tensor) -> Tensor:
        ctx.owners = kernels, contraction
        nodes, along = nodes.contiguous(), along.contiguous()
        ctx.save_for_backward(nodes, along)
        edges = nodes.new_empty(along.shape[0], nodes.shape[2] * len(contraction.columns))
        _call("to_edges", kernels, contraction, nodes, along, edges)
        return edges

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        nodes, along = ctx.saved_tensors
        wants_nodes, wants_along = ctx.needs_input_grad[2:]
        return (
            None,
            None,
            _ToNodes.apply(*ctx.owners, gradient, along) if wants_nodes else None,  # type: ignore[no-untyped-call]
            _ToColumns.apply(*ctx.owners, nodes, gradient) if wants_along else None,  # type: ignore[no-untyped-call]
        )


class _ToColumns(Function):
    """∂Φ/∂Y: Y[e, s] = Σ_c A[i(e), s, c]·q[e, g(s), c]."""

    @staticmethod
    def forward(ctx: Any, kernels: Kernels, contraction: Contraction, nodes: Tensor, edges: Tensor) -> Tensor:
        ctx.owners = kernels, contraction
        nodes, edges = nodes.contiguous(), edges.contiguous()
        ctx.save_for_backward(nodes, edges)
        along = nodes.new_empty(edges.shape[0], nodes.shape[1])
        _call("to_columns", kernels, contraction, nodes, edges, along)
        return along

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        nodes, edges = ctx.saved_tensors
        wants_nodes, wants_edges = ctx.needs_input_grad[2:]
        return (
            None,
            None,
            _ToNodes.apply(*ctx.owners, edges, gradient) if wants_nodes else None,  # type: ignore[no-untyped-call]
            _ToEdges.apply(*ctx.owners, nodes, gradient) if wants_edges else None,  # type: ignore[no-untyped-call]
        )


def _call(name: str, kernels: Kernels, contraction: Contraction, first: Tensor, second: Tensor, out: Tensor) -> None:
    nodes = out if name == "to_nodes" else first
    sizes = (
        contraction.n_nodes,
        contraction.place.segment.shape[0],
        nodes.shape[1],
        len(contraction.columns),
        nodes.shape[2],
        torch.get_num_threads(),
    )
    index = (contraction.nodes.starts, contraction.groups)
    kernels.call(f"contract_{name}", out.dtype, *index, *sizes, first, second, out)
