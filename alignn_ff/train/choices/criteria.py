"""Criteria: the cost of one number of a prediction, given its label. Sums and means are made elsewhere.

``predicted`` and ``label`` are float64 of one shape, except for criteria of the structure's target only, where the
model has more than one output per label (zero-inflated, classes).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SMALLEST_PROBABILITY = 1e-12
"""Keeps the logarithm of a probability, or of a rate, finite."""

Elements = Callable[[Tensor, Tensor, float], Tensor]
"""(predicted, label, delta) → the cost of each number of the label, in its shape."""


def mse(predicted: Tensor, label: Tensor, _delta: float) -> Tensor:
    """Square of the error."""
    return (predicted - label).square()


def l1(predicted: Tensor, label: Tensor, _delta: float) -> Tensor:
    """Absolute value of the error."""
    return (predicted - label).abs()


def huber(predicted: Tensor, label: Tensor, delta: float) -> Tensor:
    """Huber loss divided by delta: the slope of l1 far out, a parabola within ±delta."""
    return functional.huber_loss(predicted, label, reduction="none", delta=delta) / delta


def poisson(predicted: Tensor, label: Tensor, _delta: float) -> Tensor:
    """Negative log-likelihood of counts with the predicted rate, Stirling's formula for the factorial."""
    return functional.poisson_nll_loss(predicted, label, log_input=False, full=True, reduction="none")


def zero_inflated(predicted: Tensor, label: Tensor, _delta: float) -> Tensor:
    """Binary cross-entropy of being non-zero, and where it is the Gaussian one of the value (unit variance).

    Args:
        predicted: (n, 2k) logits of being non-zero, then means.
        label: (n, k).
    """
    logit, mean = predicted.chunk(2, dim=1)
    present = (label != 0).to(logit.dtype)
    cross_entropy = functional.binary_cross_entropy_with_logits(logit, present, reduction="none")
    return cross_entropy + 0.5 * present * (mean - label).square()


def class_likelihood(predicted: Tensor, label: Tensor, _delta: float) -> Tensor:
    """Negative log-likelihood of the true class.

    Args:
        predicted: (n, n_classes) log-probabilities, or (n, 1) probability of class 1.
        label: (n, 1) number of the class, from 0.
    """
    if predicted.shape[1] > 1:
        return -predicted.gather(1, label.long())
    of_label = torch.where(label > 0.5, predicted, 1.0 - predicted)
    return -torch.log(of_label.clamp(min=SMALLEST_PROBABILITY))


class Criterion(NamedTuple):
    """One row of the table.

    Attributes:
        elements: cost of each number of the label.
        of_target: the same for the target of a structure, where all other labels take ``elements``; None: ``elements``.
    """

    elements: Elements
    of_target: Elements | None = None


CRITERIA: Final[dict[str, Criterion]] = {
    "mse": Criterion(mse),
    "l1": Criterion(l1),
    "huber": Criterion(huber),
    "poisson": Criterion(mse, of_target=poisson),
    "zig": Criterion(mse, of_target=zero_inflated),
}
"""Name in the config → criterion; classes take ``class_likelihood`` with any of them."""
