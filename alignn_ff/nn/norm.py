"""Normalisations of the published families: by row (layer) and by channel over all rows (batch)."""

from collections.abc import Callable
from typing import Final, Literal

import torch
from torch import Tensor, nn

from alignn_ff.nn.normed_silu import normed_silu

NormKind = Literal["layer", "batch"]


class BatchNorm(nn.Module):
    """(x − mean)/√(variance + ε)·weight + bias, with statistics of the batch in training, running ones after.

    As ``torch.nn.BatchNorm1d`` (Ioffe and Szegedy 2015), with the statistics kept in float64 whatever the
    dtype of the network, and batches of a single row allowed.

    Attributes:
        sum_over_ranks: differentiable sum over the processes of a training run, so that the statistics are
            those of the whole batch; None if there is one process.
    """

    sum_over_ranks: Callable[[Tensor], Tensor] | None = None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, features: int, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features, dtype=torch.float64))
        self.register_buffer("running_var", torch.ones(features, dtype=torch.float64))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """(n, features)."""
        n_rows = self._n_rows(x) if self.training else 0
        if n_rows > 0:
            mean, variance = self._moments(x, n_rows)
            self._track(mean.detach(), variance.detach(), n_rows)
        else:
            mean, variance = self.running_mean.to(x.dtype), self.running_var.to(x.dtype)
        return (x - mean) * (torch.rsqrt(variance + self.eps) * self.weight) + self.bias

    def _n_rows(self, x: Tensor) -> int:
        if self.sum_over_ranks is None:
            return x.shape[0]
        return int(self.sum_over_ranks(torch.tensor(x.shape[0])))

    def _moments(self, x: Tensor, n_rows: int) -> tuple[Tensor, Tensor]:
        if self.sum_over_ranks is None:
            return x.mean(0), x.var(0, correction=0)
        mean = self.sum_over_ranks(x.sum(0)) / n_rows
        return mean, self.sum_over_ranks((x - mean).square().sum(0)) / n_rows

    def _track(self, mean: Tensor, variance: Tensor, n_rows: int) -> None:
        unbiased = variance * (n_rows / max(n_rows - 1, 1))
        self.running_mean.lerp_(mean.double(), self.momentum)
        self.running_var.lerp_(unbiased.double(), self.momentum)
        self.num_batches_tracked += 1


NORMS: Final[dict[NormKind, Callable[[int], nn.Module]]] = {"layer": nn.LayerNorm, "batch": BatchNorm}


class NormedLayer(nn.Module):
    """SiLU(norm(W·x + b)), the embedding layer of the published families."""

    def __init__(self, in_features: int, out_features: int, norm: NormKind = "layer") -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)
        self.norm = NORMS[norm](out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(n, out_features)."""
        return normed_silu(self.linear(x), self.norm)
