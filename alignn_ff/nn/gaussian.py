"""Gaussians on an even grid: the basis of the published families, for bond lengths and for cosines."""

import torch
from torch import Tensor, nn


class GaussianBasis(nn.Module):
    """exp(−γ(x − c_k)²) with centres c_k from ``low`` to ``high`` and γ = 1/(spacing of the centres).

    SchNet (Schütt et al., NeurIPS 2017, eq. 6) with ALIGNN's choice of γ. The centres are rounded to float32, as
    the published weights were trained with; the centres travel with the weights, since torch has rounded
    them differently over the years.

    Args:
        low: first centre, in the unit of x.
        high: last centre.
        n_basis: number of Gaussians, at least 2.
    """

    centers: Tensor

    def __init__(self, low: float, high: float, n_basis: int) -> None:
        super().__init__()
        centers = torch.linspace(low, high, n_basis, dtype=torch.float32)
        self.gamma = (n_basis - 1) / (high - low)
        self.register_buffer("centers", centers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_basis) in the dtype of ``x``, (n,)."""
        return torch.exp(-self.gamma * (x[:, None] - self.centers.to(x.dtype)) ** 2)
