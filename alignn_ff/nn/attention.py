"""The two attention variants of the published convolution: by node and by query, key and value.

Same calls as :class:`~alignn_ff.nn.gated_average.GatedAverageConvolution`. Equations: Shao et al., Adv. Theory Simul.
2026, eq. 8 and 9-11.
"""

import math

import torch
from torch import Tensor, nn

from alignn_ff.nn.gated_average import GatedAverageConvolution
from alignn_ff.nn.sums.segment import Edges, Segments, gather, segment_sum


class NodeAttentionConvolution(GatedAverageConvolution):
    """The gated average with gates A·x_j and B·x_i scaled by σ(a·x_j) and σ(b·x_i), one number per head."""

    def __init__(self, features: int, n_heads: int) -> None:
        super().__init__(features)
        self.n_heads = n_heads
        self.source_attention = nn.Linear(features, n_heads)
        self.target_attention = nn.Linear(features, n_heads)

    def _gates(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        source, target = super()._gates(nodes)
        return (
            self._scaled(source, torch.sigmoid(self.source_attention(nodes))),
            self._scaled(target, torch.sigmoid(self.target_attention(nodes))),
        )

    def _scaled(self, gates: Tensor, attention: Tensor) -> Tensor:
        heads = gates.reshape(gates.shape[0], self.n_heads, gates.shape[1] // self.n_heads)
        return (attention[:, :, None] * heads).reshape(gates.shape)


class SelfAttentionConvolution(nn.Module):
    """x_i ← U·x_i + SiLU(norm(Σ_j s_ij·V·x_j)), y_ij ← C·y_ij + SiLU(norm(s_ij)).

    s_ij is the softmax over the neighbours j of q_i·(k_j ⊙ k_ij)/√d, head by head, d channels a head.
    """

    def __init__(self, features: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.edge_key = nn.Linear(features, features)
        self.own = nn.Linear(features, features)
        self.edge_own = nn.Linear(features, features)
        self.node_norm = nn.LayerNorm(features)
        self.edge_norm = nn.LayerNorm(features)

    def forward(
        self, nodes: Tensor, states: Tensor, edges: Edges, *, update_edges: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Convolve once; arguments as in :meth:`GatedAverageConvolution.forward`."""
        keys = gather(self.key(nodes), edges.src) * self.edge_key(states)
        product = gather(self.query(nodes), edges.dst) * keys
        per_head = product.shape[1] // self.n_heads
        logits = product.reshape(product.shape[0], self.n_heads, per_head).sum(-1) / math.sqrt(per_head)
        scores = segment_softmax(logits, edges.dst)[:, :, None].expand(-1, -1, per_head).reshape(product.shape)
        summed = segment_sum(scores * gather(self.value(nodes), edges.src), edges.dst)
        updated = self.own(nodes) + nn.functional.silu(self.node_norm(summed))
        if update_edges:
            states = self.edge_own(states) + nn.functional.silu(self.edge_norm(scores))
        return updated, states


def segment_softmax(logits: Tensor, segments: Segments) -> Tensor:
    """exp(l)/Σexp(l) within each segment.

    The published code adds 1e-8 to the sum after taking out the largest logit, so that its result has a kink where
    two logits tie, as they do in crystals; without it the largest logit drops out, and may be a plain number.

    Args:
        logits: (n, features).
        segments: of the n rows.
    """
    index = segments.segment[:, None].expand_as(logits)
    highest = logits.new_full((segments.starts.shape[0], logits.shape[1]), -math.inf)
    highest = highest.scatter_reduce(0, index, logits.detach(), "amax")
    weights = torch.exp(logits - highest.index_select(0, segments.segment))
    return weights / gather(segment_sum(weights, segments), segments)
