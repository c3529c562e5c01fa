"""Steps of a training that the host judges while the device is busy with the next one.

A step is taken before the host has read its loss and the norm of its gradient, so that the device need not wait for
the host. What a step changes is copied first; in the rare case that it should not have been taken, the copy is put
back. So weights, moments and averages are those of a training that reads before each step, bit for bit.
"""

from collections import defaultdict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from alignn_ff.torch_private import copy_all
from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.loop.averages import StepLoss
from alignn_ff.train.loop.weight_average import WeightAverage, evolving_tensors


def reads_later(device: torch.device, ranks: Ranks) -> bool:
    """Whether the host reads a step during the next one: on a device of its own, which one process uses."""
    return device.type != "cpu" and ranks.size == 1


class OnTheWay:
    """Numbers that go from the device to the host while both go on.

    Args:
        numbers: on the device.
    """

    def __init__(self, numbers: Tensor) -> None:
        self._copied: torch.cuda.Event | None = None
        if numbers.device.type == "cuda":
            self._here = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
            self._here.copy_(numbers, non_blocking=True)
            self._copied = torch.cuda.Event()
            self._copied.record(torch.cuda.current_stream(numbers.device))
        else:
            self._here = numbers.to("cpu", non_blocking=True)

    def read(self) -> list[float]:
        """The numbers, as soon as they have arrived."""
        if self._copied is not None:
            self._copied.synchronize()
        numbers: list[float] = self._here.tolist()
        return numbers


class Launched(NamedTuple):
    """A step whose gradients are on the device.

    Attributes:
        loss: of the step.
        norm: of its gradient, a scalar on the device.
        numbers: its loss, and the norm of its gradient.
        step: its number, from 0.
        batch: its number in the epoch.
    """

    loss: StepLoss
    norm: Tensor
    numbers: OnTheWay
    step: int
    batch: int


class Shadow:
    """A copy of all that a step changes: weights, their average, and what the optimiser keeps."""

    def __init__(self, model: nn.Module, average: WeightAverage, optimizer: Optimizer) -> None:
        self._own = [*evolving_tensors(model).values(), *average.weights.values()]
        self._optimizer = optimizer
        self._kept: list[Tensor] = []

    @torch.no_grad()
    def take(self) -> None:
        """Copy."""
        tensors = self._tensors()
        if len(tensors) != len(self._kept):
            self._kept = [tensor.clone() for tensor in tensors]
        else:
            _copy(self._kept, tensors)

    @torch.no_grad()
    def put_back(self) -> None:
        """Undo all changes since :meth:`take`."""
        if len(self._tensors()) != len(self._kept):
            self._optimizer.state.clear()  # it was the first step
        _copy(self._tensors(), self._kept)

    def _tensors(self) -> list[Tensor]:
        held = [value for state in self._optimizer.state.values() for value in state.values()]
        return [*self._own, *(value for value in held if isinstance(value, Tensor))]


def _copy(targets: list[Tensor], tensors: list[Tensor]) -> None:
    """In one call for each device and dtype."""
    groups: dict[tuple[torch.device, torch.dtype], tuple[list[Tensor], list[Tensor]]] = defaultdict(lambda: ([], []))
    for target, tensor in zip(targets, tensors, strict=True):
        to, of = groups[tensor.device, tensor.dtype]
        to.append(target)
        of.append(tensor)
    for to, of in groups.values():
        copy_all(to, of)
