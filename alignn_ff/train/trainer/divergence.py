"""Numbers of a training that are not finite: what they are, and which samples they come from."""

from collections.abc import Mapping, Sequence
from math import isfinite

import torch
from torch import Tensor, nn

from alignn_ff.errors import TrainingError


class DivergedError(TrainingError):
    """A loss, a gradient or weights are not finite; the step was not taken.

    Attributes:
        what: is not finite.
        step: number of the optimiser step, from 1; of a validation the last one before it.
        training: indices of the samples of the step, as an epoch numbers them; empty after a validation.
        validation: indices of the validation samples concerned.
    """

    def __init__(self, what: str, step: int, *, training: Sequence[int] = (), validation: Sequence[int] = ()) -> None:
        super().__init__(f"the {what} of step {step} is not finite")
        self.what, self.step = what, step
        self.training, self.validation = tuple(training), tuple(validation)


def loss_and_norm(loss: Tensor, model: nn.Module) -> Tensor:
    """(2,) float64, a loss, and the norm of the gradient that was computed from it."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return torch.stack([loss.detach().double(), torch.nn.utils.get_total_norm(gradients).double()])


def what_diverged(loss: float, norm: float) -> str | None:
    """What is not finite: the loss or the gradient; None: all is finite."""
    return {(True, True): None, (True, False): "gradient"}.get((isfinite(loss), isfinite(norm)), "loss")


def unusable_columns(row: Mapping[str, float]) -> list[str]:
    """Columns of a row of the history that are not finite."""
    return [name for name, value in row.items() if not torch.tensor(value).isfinite()]


def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether all weights are finite."""
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors.values()]).all())
