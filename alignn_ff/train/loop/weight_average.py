"""Exponential moving average of the weights: smoother than the last step's, and evaluated in its place.

Statistics of batch normalisation belong to the weights that they were measured with, so they are averaged alike.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from alignn_ff.nn import BatchNorm
from alignn_ff.torch_private import copy_all, move_towards


def evolving_tensors(model: nn.Module) -> dict[str, Tensor]:
    """All that training changes: parameters, and the statistics of batch normalisation. Name → tensor, not a copy."""
    tensors: dict[str, Tensor] = {name: p.detach() for name, p in model.named_parameters()}
    for name, module in model.named_modules():
        if isinstance(module, BatchNorm):
            tensors |= {f"{name}.{key}": buffer for key, buffer in module.named_buffers()}
    return tensors


class WeightAverage:
    """Moving average w̄ ← d·w̄ + (1 − d)·w with d = min(decay, (1 + n)/(10 + n)) at step n.

    With decay 0 the average is the weights themselves. Counters are not averaged, but kept.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {name: t.clone() for name, t in evolving_tensors(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after step ``step`` (from 0)."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step)) if self.decay > 0 else 0.0
        by_dtype: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for name, tensor in evolving_tensors(model).items():
            averages, tensors = by_dtype.setdefault(tensor.dtype, ([], []))
            averages.append(self.weights[name])
            tensors.append(tensor)
        for dtype, (averages, tensors) in by_dtype.items():
            if dtype.is_floating_point:
                move_towards(averages, tensors, 1.0 - decay)
            else:
                copy_all(averages, tensors)

    @contextmanager
    def applied_to(self, model: nn.Module) -> Iterator[None]:
        """Put the average into the model for a while."""
        kept = {name: tensor.clone() for name, tensor in evolving_tensors(model).items()}
        self.copy_to(model)
        try:
            yield
        finally:
            copy_tensors(kept, model)

    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the model's weights by the average."""
        copy_tensors(self.weights, model)


@torch.no_grad()
def copy_tensors(tensors: dict[str, Tensor], model: nn.Module) -> None:
    """Overwrite what training changes by other values."""
    for name, tensor in evolving_tensors(model).items():
        tensor.copy_(tensors[name])
