"""The edge-gated convolution, used on the bond graph and on the line graph alike.

In: node features, a gate contribution per edge, the edges and their envelope weights. Out: updated
node features. Every neighbour enters through its weight only, so nothing jumps when it leaves.
"""

import torch
from torch import Tensor, nn

from alignn_ff.nn.segment import segment_sum


class EdgeGatedConvolution(nn.Module):
    """x_i ← x_i + W₂·SiLU(W₁·x_i + U·m_i), m_i = Σ_j w_ij·σ(A·x_j + B·x_i + g_ij) ⊙ V·x_j / n̄.

    The gates are those of ALIGNN (Choudhary and DeCost, npj Comput. Mater. 7, 185 (2021), eq. 2–4) with
    the sum of gates in the denominator replaced by the average number n̄ of neighbours, a constant:
    a sum that can vanish is a cliff.
    """

    average_count: Tensor

    def __init__(self, features: int, average_count: float) -> None:
        super().__init__()
        self.features = features
        self.source = nn.Linear(features, 2 * features, bias=False)
        self.target = nn.Linear(features, 2 * features)
        self.message = nn.Linear(features, features, bias=False)
        self.update = nn.Linear(features, features, bias=False)
        self.register_buffer("average_count", torch.tensor(max(average_count, 1.0)))

    def forward(self, nodes: Tensor, gates: Tensor, src: Tensor, dst: Tensor, weights: Tensor) -> Tensor:
        """Convolve once.

        Args:
            nodes: (n_nodes, features).
            gates: (n_edges, features), what the edge itself adds to its gate.
            src: (n_edges,) node ids.
            dst: (n_edges,) node ids.
            weights: (n_edges, 1) envelope weights.

        Returns:
            (n_nodes, features).
        """
        source = self.source(nodes).index_select(0, src)
        gate_target, own = self.target(nodes).split(self.features, dim=1)
        gate_source, values = source.split(self.features, dim=1)
        gate = torch.sigmoid(gates + gate_source + gate_target.index_select(0, dst))
        summed = segment_sum(weights * gate * values, dst, nodes.shape[0]) / self.average_count
        return self.finish(nodes, own, summed)

    def finish(self, nodes: Tensor, own: Tensor, summed: Tensor) -> Tensor:
        """Residual update from a node's own projection and its summed messages."""
        updated: Tensor = nodes + self.update(nn.functional.silu(own + self.message(summed)))
        return updated

    def without_neighbors(self, nodes: Tensor) -> Tensor:
        """The update of nodes that have no neighbours at all."""
        own = self.target(nodes)[:, self.features :]
        return self.finish(nodes, own, torch.zeros_like(nodes))
