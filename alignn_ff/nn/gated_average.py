"""The edge-gated convolution as published: a weighted average over neighbours, and an update of the edges.

In: states of nodes and edges, and who sends to whom. Out: both updated. Used on the bond graph (nodes are
atoms) and on the line graph (nodes are bonds, edges are angles).
"""

import torch
from torch import Tensor, nn

from alignn_ff.native import kernels_for
from alignn_ff.native.arguments import VANISHING
from alignn_ff.nn.native_mean import NativeGatedMean
from alignn_ff.nn.norm import NORMS, NormKind
from alignn_ff.nn.normed_silu import normed_silu
from alignn_ff.nn.sums.segment import Edges, gather, segment_sum


def gated_mean(messages: Tensor, values: Tensor, edges: Edges) -> Tensor:
    """Σ_j σ(m_ij) ⊙ v_j / (Σ_j σ(m_ij) + ε) over incoming edges; differentiable twice.

    Args:
        messages: (n_edges, features) m.
        values: (n_nodes, features) v.
        edges: who sends to whom.

    Returns:
        (n_nodes, features).
    """
    kernels = kernels_for("gated_mean", (messages, values))
    if kernels is not None:
        index = (*edges.src, *edges.dst)
        native: Tensor = NativeGatedMean.apply(kernels, VANISHING, messages, values, *index)  # type: ignore[no-untyped-call]
        return native
    gate = torch.sigmoid(messages)
    weighted = segment_sum(gate * gather(values, edges.src), edges.dst)
    return weighted / (segment_sum(gate, edges.dst) + VANISHING)


class GatedAverageConvolution(nn.Module):
    """x_i ← x_i + SiLU(norm(U·x_i + Σ_j σ(m_ij) ⊙ V·x_j / (Σ_j σ(m_ij) + ε))), y_ij ← y_ij + SiLU(norm(m_ij)).

    m_ij = A·x_j + B·x_i + C·y_ij for an edge j → i (Choudhary and DeCost, npj Comput. Mater. 7, 185 (2021), eq. 2-4;
    Bresson and Laurent 2017). Not smooth where an edge appears: the strictly smooth form is
    :class:`~alignn_ff.nn.convolution.EdgeGatedConvolution`.
    """

    def __init__(self, features: int, norm: NormKind = "layer") -> None:
        super().__init__()
        self.source_gate = nn.Linear(features, features)
        self.target_gate = nn.Linear(features, features)
        self.edge_gate = nn.Linear(features, features)
        self.edge_norm = NORMS[norm](features)
        self.own = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.node_norm = NORMS[norm](features)

    def forward(
        self, nodes: Tensor, states: Tensor, edges: Edges, *, update_edges: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Convolve once.

        Args:
            nodes: (n_nodes, features) x.
            states: (n_edges, features) y.
            edges: who sends to whom.
            update_edges: whether the new edge states are used; if not, the old ones are returned.

        Returns:
            New nodes and edge states, shapes as given.
        """
        source, target = self._gates(nodes)
        message = gather(source, edges.src) + gather(target, edges.dst) + self.edge_gate(states)
        average = gated_mean(message, self.value(nodes), edges)
        updated = nodes + normed_silu(self.own(nodes) + average, self.node_norm)
        if update_edges:
            states = states + normed_silu(message, self.edge_norm)
        return updated, states

    def _gates(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """What sources and targets add to a gate, (n_nodes, features) each."""
        return self.source_gate(nodes), self.target_gate(nodes)
