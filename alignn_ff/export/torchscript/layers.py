"""Layers that TorchScript compiles, made of those of a model: the same parameters, and sums in torch's own operations.

The model's layers call functions with derivatives written by hand, which a TorchScript file cannot hold. Equations are
in the docstrings of the layers that are restated here.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.export.torchscript.prefixes import first_rows
from alignn_ff.native.arguments import VANISHING
from alignn_ff.nn import (
    EdgeGatedConvolution,
    GatedAverageConvolution,
    NodeAttentionConvolution,
    NormedLayer,
    SelfAttentionConvolution,
)


class Surroundings(NamedTuple):
    """One structure as the networks read it.

    Attributes:
        vectors: (n_edges, 3) float64, Å.
        distance: (n_edges,) float64, Å.
        numbers: (n_atoms,) int64, atomic numbers.
        rows: (n_atoms,) int64, row of each atom's element.
        src, dst: (n_edges,) int64.
        line_nodes: (n_line_nodes,) int64, edges that take part in angles.
        line_src, line_dst: (n_triplets,) int64, positions in ``line_nodes``.
        read: atoms that are read before the first layer and after each (``prefixes``); empty: all, as everywhere but
            in networks of the published families.
    """

    vectors: Tensor
    distance: Tensor
    numbers: Tensor
    rows: Tensor
    src: Tensor
    dst: Tensor
    line_nodes: Tensor
    line_src: Tensor
    line_dst: Tensor
    read: list[int]


def rows_of(values: Tensor, index: Tensor) -> Tensor:
    """(n, …) the rows that an index names."""
    return values.index_select(0, index)


def sum_rows(values: Tensor, index: Tensor, n_rows: int) -> Tensor:
    """(n_rows, …) sums of the rows that belong to each index."""
    shape = list(values.shape)
    shape[0] = n_rows
    return torch.zeros(shape, dtype=values.dtype, device=values.device).index_add(0, index, values)


def counts_of(index: Tensor, n_rows: int) -> Tensor:
    """(n_rows,) int64, how often an index names each row; unlike ``bincount`` its size does not depend on data."""
    return torch.zeros((n_rows,), dtype=torch.int64, device=index.device).index_add(0, index, torch.ones_like(index))


class ScriptedConvolution(nn.Module):
    """:class:`~alignn_ff.nn.EdgeGatedConvolution`."""

    def __init__(self, layer: EdgeGatedConvolution) -> None:
        super().__init__()
        self.source_gate, self.target_gate, self.value = layer.source_gate, layer.target_gate, layer.value
        self.own, self.message, self.update = layer.own, layer.message, layer.update
        self.normalization: float = float(layer.normalization)

    def forward(
        self, nodes: Tensor, gates: Tensor, weights: Tensor, src: Tensor, dst: Tensor, added: Tensor | None = None
    ) -> Tensor:
        """(n_nodes, features)."""
        gate = torch.sigmoid(gates + rows_of(self.source_gate(nodes), src) + rows_of(self.target_gate(nodes), dst))
        summed = sum_rows(weights * gate * rows_of(self.value(nodes), src), dst, nodes.shape[0])
        inner = self.own(nodes) + self.message(summed / self.normalization)
        if added is not None:
            inner = inner + added
        updated: Tensor = nodes + self.update(nn.functional.silu(inner))
        return updated

    @torch.jit.export
    def without_neighbors(self, nodes: Tensor) -> Tensor:
        """The update of nodes that have no neighbours at all, (n_nodes, features)."""
        updated: Tensor = nodes + self.update(nn.functional.silu(self.own(nodes)))
        return updated


class ScriptedNormedLayer(nn.Module):
    """:class:`~alignn_ff.nn.NormedLayer`."""

    def __init__(self, layer: NormedLayer) -> None:
        super().__init__()
        self.linear, self.norm = layer.linear, layer.norm

    def forward(self, x: Tensor) -> Tensor:
        """(n, out_features)."""
        return nn.functional.silu(self.norm(self.linear(x)))


class ScriptedGatedAverage(nn.Module):
    """:class:`~alignn_ff.nn.GatedAverageConvolution`."""

    def __init__(self, layer: GatedAverageConvolution) -> None:
        super().__init__()
        self.source_gate, self.target_gate, self.edge_gate = layer.source_gate, layer.target_gate, layer.edge_gate
        self.own, self.value = layer.own, layer.value
        self.edge_norm, self.node_norm = layer.edge_norm, layer.node_norm
        self.vanishing: float = VANISHING

    def source_part(self, nodes: Tensor) -> Tensor:
        """What a source adds to a gate, (n_nodes, features)."""
        part: Tensor = self.source_gate(nodes)
        return part

    def target_part(self, nodes: Tensor) -> Tensor:
        """What a target adds to a gate, (n_nodes, features)."""
        part: Tensor = self.target_gate(nodes)
        return part

    def forward(
        self, nodes: Tensor, states: Tensor, src: Tensor, dst: Tensor, n_nodes: int, n_states: int
    ) -> tuple[Tensor, Tensor]:
        """New states of the first ``n_nodes`` nodes, which hold all targets, and of the first ``n_states`` edges."""
        targets = first_rows(nodes, n_nodes)
        message = rows_of(self.source_part(nodes), src) + rows_of(self.target_part(targets), dst)
        message = message + self.edge_gate(states)
        gate = torch.sigmoid(message)
        weighted = sum_rows(gate * rows_of(self.value(nodes), src), dst, targets.shape[0])
        average = weighted / (sum_rows(gate, dst, targets.shape[0]) + self.vanishing)
        updated = targets + nn.functional.silu(self.node_norm(self.own(targets) + average))
        kept = first_rows(states, n_states)
        if n_states != 0:
            kept = kept + nn.functional.silu(self.edge_norm(first_rows(message, n_states)))
        return updated, kept


class ScriptedNodeAttention(ScriptedGatedAverage):
    """:class:`~alignn_ff.nn.NodeAttentionConvolution`."""

    def __init__(self, layer: NodeAttentionConvolution) -> None:
        super().__init__(layer)
        self.source_attention, self.target_attention = layer.source_attention, layer.target_attention
        self.n_heads: int = layer.n_heads

    def source_part(self, nodes: Tensor) -> Tensor:
        """Scaled by one number per head."""
        return self.scaled(self.source_gate(nodes), torch.sigmoid(self.source_attention(nodes)))

    def target_part(self, nodes: Tensor) -> Tensor:
        """Scaled by one number per head."""
        return self.scaled(self.target_gate(nodes), torch.sigmoid(self.target_attention(nodes)))

    def scaled(self, gates: Tensor, attention: Tensor) -> Tensor:
        """(n_nodes, features)."""
        heads = gates.reshape(gates.shape[0], self.n_heads, gates.shape[1] // self.n_heads)
        return (attention[:, :, None] * heads).reshape(gates.shape)


class ScriptedSelfAttention(nn.Module):
    """:class:`~alignn_ff.nn.SelfAttentionConvolution`."""

    def __init__(self, layer: SelfAttentionConvolution) -> None:
        super().__init__()
        self.query, self.key, self.value, self.edge_key = layer.query, layer.key, layer.value, layer.edge_key
        self.own, self.edge_own = layer.own, layer.edge_own
        self.node_norm, self.edge_norm = layer.node_norm, layer.edge_norm
        self.n_heads: int = layer.n_heads

    def forward(
        self, nodes: Tensor, states: Tensor, src: Tensor, dst: Tensor, n_nodes: int, n_states: int
    ) -> tuple[Tensor, Tensor]:
        """New states of the first ``n_nodes`` nodes, which hold all targets, and of the first ``n_states`` edges."""
        targets = first_rows(nodes, n_nodes)
        product = rows_of(self.query(targets), dst) * (rows_of(self.key(nodes), src) * self.edge_key(states))
        per_head = product.shape[1] // self.n_heads
        logits = product.reshape(product.shape[0], self.n_heads, per_head).sum(-1) / float(per_head) ** 0.5
        attention = softmax_of_rows(logits, dst, targets.shape[0])
        scores = attention[:, :, None].expand(-1, -1, per_head).reshape(product.shape)
        summed = sum_rows(scores * rows_of(self.value(nodes), src), dst, targets.shape[0])
        updated = self.own(targets) + nn.functional.silu(self.node_norm(summed))
        kept = first_rows(states, n_states)
        if n_states != 0:
            kept = self.edge_own(kept) + nn.functional.silu(self.edge_norm(first_rows(scores, n_states)))
        return updated, kept


def softmax_of_rows(logits: Tensor, index: Tensor, n_rows: int) -> Tensor:
    """exp(l)/Σexp(l) over the rows that belong to each index, (n, features)."""
    highest = torch.full((n_rows, logits.shape[1]), -float("inf"), dtype=logits.dtype, device=logits.device)
    highest = highest.scatter_reduce(0, index[:, None].expand_as(logits), logits.detach(), "amax")
    weights = torch.exp(logits - rows_of(highest, index))
    return weights / rows_of(sum_rows(weights, index, n_rows), index)
