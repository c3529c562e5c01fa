"""The edge-gated convolution, used on the bond graph and on the line graph.

In: node features, a gate contribution per edge, the edges and their envelope weights. Out: updated
node features. Every neighbour enters through its weight only, so nothing jumps when it leaves.
"""

import math

import torch
from torch import Tensor, nn

from alignn_ff.nn.sums.gated_sum import gated_sum
from alignn_ff.nn.sums.segment import Edges


class EdgeGatedConvolution(nn.Module):
    """x_i ← x_i + W·SiLU(O·x_i + M·m_i), m_i = Σ_j w_ij·σ(g_ij + A·x_j + B·x_i) ⊙ V·x_j / √n̄.

    The gates are those of ALIGNN (Choudhary and DeCost, npj Comput. Mater. 7, 185 (2021), eq. 2-4); the sum
    of gates in the denominator, a cliff where it vanishes, is replaced by the root of the average number n̄
    of neighbours, a constant, which keeps the spread of m of order one.
    """

    normalization: Tensor

    def __init__(self, features: int, average_count: float) -> None:
        super().__init__()
        self.source_gate = nn.Linear(features, features, bias=False)
        self.target_gate = nn.Linear(features, features)
        self.value = nn.Linear(features, features, bias=False)
        self.own = nn.Linear(features, features)
        self.message = nn.Linear(features, features, bias=False)
        self.update = nn.Linear(features, features, bias=False)
        self.register_buffer("normalization", torch.tensor(math.sqrt(max(average_count, 1.0))))

    def forward(
        self, nodes: Tensor, gates: Tensor, weights: Tensor, edges: Edges, added: Tensor | None = None
    ) -> Tensor:
        """Convolve once.

        Args:
            nodes: (n_nodes, features).
            gates: (n_edges, features) g, what the edge itself adds to its gate.
            weights: (n_edges, 1) w, envelopes.
            edges: who sends to whom.
            added: (n_nodes, features) a further term beside M·m; None adds nothing.

        Returns:
            (n_nodes, features).
        """
        summed = gated_sum(gates, self._projections(nodes), weights, edges)
        inner = self.own(nodes) + self.message(summed / self.normalization)
        return self._finish(nodes, inner if added is None else inner + added)

    def without_neighbors(self, nodes: Tensor) -> Tensor:
        """The update of nodes that have no neighbours at all, (n_nodes, features)."""
        return self._finish(nodes, self.own(nodes))

    def _projections(self, nodes: Tensor) -> Tensor:
        """(n_nodes, 3·features) A·x | B·x | V·x, by one multiplication instead of three."""
        weight = torch.cat([self.source_gate.weight, self.target_gate.weight, self.value.weight])
        zero = torch.zeros_like(self.target_gate.bias)
        return nn.functional.linear(nodes, weight, torch.cat([zero, self.target_gate.bias, zero]))

    def _finish(self, nodes: Tensor, inner: Tensor) -> Tensor:
        updated: Tensor = nodes + self.update(nn.functional.silu(inner))
        return updated
