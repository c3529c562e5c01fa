"""Contractions between what nodes hold and what their edges hold, by the columns of a third array.

    Φ = Σ_e Σ_s Σ_c A[i(e), s, c]·q[e, g(s), c]·Y[e, s],   i(e) the node of edge e, g(s) the group of column s.

Its derivative in A sums over the edges of each node (:func:`contract_to_nodes`); its derivative in q hands to each edge
what its node holds along the edge (:func:`contract_to_edges`). The three derivatives are one another's derivatives, so
compiled kernels for the three are differentiable any number of times, and keep nothing but their inputs. With values
that sources send along their edges (:func:`contract_sent_to_nodes`), Φ has a fourth factor v[src(e), g(s), c].
"""

from typing import Any, Final, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from alignn_ff.native import SumKernels, kernels_for
from alignn_ff.nn.sums.segment import Segments, gather, make_segments, segment_sum

Slot = Literal["nodes", "edges", "along", "values"]
KERNELS: Final[dict[Slot, str]] = {"nodes": "nodes", "edges": "edges", "along": "columns", "values": "sources"}
"""A, q, Y and v, in the order in which kernels take them → end of the name of the kernel that makes the derivative."""


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


def make_contraction(nodes: Segments, columns: tuple[slice, ...], most_edges: int | None = None) -> Contraction:
    """Prepare a contraction.

    Args:
        nodes: the node of each edge, ascending.
        columns: where the columns of each group stand, without gaps.
        most_edges: no node has more edges than this; if it is None they are counted, for which a device has to wait.
    """
    index, n_nodes = nodes.segment, nodes.starts.shape[0]
    rank = torch.arange(index.shape[0], device=index.device) - nodes.starts[index]
    if most_edges is None:
        ends = torch.cat([nodes.starts[1:], nodes.starts.new_full((1,), index.shape[0])])
        most = int((ends - nodes.starts).max()) if n_nodes else 0
    else:  # rows of a graph that is too large for its arrays stay within the table; its numbers are thrown away
        most, rank = most_edges, rank.clamp(max=most_edges - 1)
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
    kernels = kernels_for("contraction", (edges, along))
    if kernels is not None:
        return _Derivative.apply(kernels, contraction, None, "nodes", edges, along)  # type: ignore[no-any-return, no-untyped-call]
    table, columns = _table(edges, contraction).chunk(len(contraction.columns), 2), _table(along, contraction)
    parts = [columns[..., where].mT @ part for where, part in zip(contraction.columns, table, strict=True)]
    return torch.cat(parts, 1)


def contract_sent_to_nodes(
    edges: Tensor, along: Tensor, values: Tensor, sources: Segments, contraction: Contraction
) -> Tensor:
    """A[i, s, c] = Σ_{e: i(e) = i} q[e, g(s), c]·v[src(e), g(s), c]·Y[e, s].

    Kernels that take the values where they are write no product of size (n_edges, n_groups·channels).

    Args:
        edges: (n_edges, n_groups·channels) q.
        along: (n_edges, n_columns) Y.
        values: (n_sources, n_groups·channels) v.
        sources: where each edge comes from.
        contraction: who belongs to whom.

    Returns:
        (n_nodes, n_columns, channels).
    """
    kernels = kernels_for("sent_contraction", (edges, along, values))
    if kernels is None:
        return contract_to_nodes(edges * gather(values, sources), along, contraction)
    held = (edges, along, values)
    return _Derivative.apply(kernels, contraction, sources, "nodes", *held)  # type: ignore[no-any-return, no-untyped-call]


def contract_to_edges(nodes: Tensor, along: Tensor, contraction: Contraction) -> Tensor:
    """∂Φ/∂q: q[e, g, c] = Σ_{s: g(s) = g} A[i(e), s, c]·Y[e, s].

    Args:
        nodes: (n_nodes, n_columns, channels) A.
        along: (n_edges, n_columns) Y.
        contraction: who belongs to whom.

    Returns:
        (n_edges, n_groups·channels).
    """
    kernels = kernels_for("contraction", (nodes, along))
    if kernels is not None:
        return _Derivative.apply(kernels, contraction, None, "edges", nodes, along)  # type: ignore[no-any-return, no-untyped-call]
    columns = _table(along, contraction)
    table = torch.cat([columns[..., where] @ nodes[:, where] for where in contraction.columns], 2)
    return gather(table.flatten(0, 1), contraction.place)


def _table(rows: Tensor, contraction: Contraction) -> Tensor:
    """(n_nodes, most_edges, …) the rows of each node's edges, filled up with zeros."""
    return segment_sum(rows, contraction.place).view(contraction.n_nodes, contraction.most_edges, rows.shape[1])


class _Derivative(Function):
    """∂Φ in one slot, made of what the other slots hold: ``apply(kernels, contraction, sources, slot, *held)``.

    Its derivative in another slot is ∂Φ in that slot, with the cotangent where the first one was.
    """

    @staticmethod
    def forward(
        ctx: Any,
        kernels: SumKernels,
        contraction: Contraction,
        sources: Segments | None,
        slot: Slot,
        *held: Tensor,
    ) -> Tensor:
        ctx.owners, ctx.slot = (kernels, contraction, sources), slot
        tensors = dict(zip(_others(slot, sources), (tensor.contiguous() for tensor in held), strict=True))
        ctx.save_for_backward(*tensors.values())
        out = held[0].new_empty(_shape(slot, tensors, contraction, sources))
        nodes = tensors.get("nodes", out)
        sizes = (
            contraction.n_nodes,
            contraction.place.segment.shape[0],
            nodes.shape[1],
            len(contraction.columns),
            nodes.shape[2],
            torch.get_num_threads(),
        )
        index: tuple[Tensor, ...] = (contraction.nodes.starts, contraction.groups)
        if sources is not None:
            index = (*sources, contraction.nodes.segment, *index)
        name = f"{'contract' if sources is None else 'sent'}_to_{KERNELS[slot]}"
        kernels.call(name, out.dtype, *index, *sizes, *tensors.values(), out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        sources = ctx.owners[2]
        slots = _others(ctx.slot, sources)
        held = dict(zip(slots, ctx.saved_tensors, strict=True)) | {ctx.slot: gradient}

        def derivative(slot: Slot) -> Tensor:
            others = (held[other] for other in _others(slot, sources))
            return _Derivative.apply(*ctx.owners, slot, *others)  # type: ignore[no-any-return, no-untyped-call]

        wanted = zip(slots, ctx.needs_input_grad[4:], strict=True)
        return (None, None, None, None, *(derivative(slot) if wants else None for slot, wants in wanted))


def _others(slot: Slot, sources: Segments | None) -> tuple[Slot, ...]:
    """The other slots, in the order in which kernels take them; without sources nothing is in the slot of values."""
    return tuple(other for other in KERNELS if other != slot and (other != "values" or sources is not None))


def _shape(slot: Slot, held: dict[Slot, Tensor], contraction: Contraction, sources: Segments | None) -> tuple[int, ...]:
    """Of what a slot holds."""
    n_groups = len(contraction.columns)
    if slot == "nodes":
        return contraction.n_nodes, held["along"].shape[1], held["edges"].shape[1] // n_groups
    if slot == "along":
        return held["edges"].shape[0], held["nodes"].shape[1]
    n_rows = held["along"].shape[0] if slot == "edges" or sources is None else sources.starts.shape[0]
    return n_rows, n_groups * held["nodes"].shape[2]
