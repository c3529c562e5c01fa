"""The gradients of a step, of the costs of its batches and of the floor.

In: batches. Out: the loss, and gradients beside the weights, on the device. There are two ways with the same numbers:
the host starts each operation by itself, or replays a recording of all (``recorded.py``).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.floor.prior import FloorPrior
from alignn_ff.train.loop.averages import StepLoss
from alignn_ff.train.loop.batches import Batch
from alignn_ff.train.loss.loss import combined, label_counts
from alignn_ff.train.model_outputs import ModelOutputs
from alignn_ff.train.records.batches import Sample

Compute = Callable[[Sample], tuple[ModelOutputs, Tensor]]
"""Outputs, and (n_kinds,) sums of costs, of one batch of a training."""


class Gradients(Protocol):
    """A way to the gradients of a step."""

    def __call__(self, batches: Sequence[Batch], weights: Tensor, step: int) -> StepLoss:
        """Put the gradients of a step beside the weights.

        Args:
            batches: of the step, the part of this process.
            weights: (n_kinds,) of the costs.
            step: its number, from 0.
        """
        ...


class OperationByOperation:
    """Gradients whose operations are started one by one.

    Args:
        model: on its device.
        parameters: those that are trained.
        compute: costs of a batch.
        ranks: processes of the run.
        floor: structures that are held above a floor of the energy; None: there are none.
        device: where steps run.
    """

    def __init__(
        self,
        model: EnergyModel | PropertyModel,
        parameters: Sequence[nn.Parameter],
        *,
        compute: Compute,
        ranks: Ranks,
        floor: FloorPrior | None,
        device: torch.device,
    ) -> None:
        self._model, self._parameters, self._compute = model, list(parameters), compute
        self._ranks, self._floor, self._device = ranks, floor, device

    def __call__(self, batches: Sequence[Batch], weights: Tensor, step: int) -> StepLoss:
        """See :class:`Gradients`."""
        here = [batch.to(self._device) for batch in batches if isinstance(batch, Sample)]
        own = torch.stack([label_counts(batch.targets) for batch in here]).sum(0)
        counts = self._ranks.total(own)
        for parameter in self._parameters:
            parameter.grad = None
        sums = torch.zeros_like(counts)
        for batch in here:
            _, costs = self._compute(batch)
            combined(costs, counts, weights).backward(inputs=self._parameters)
            sums += costs.detach()
        loss = combined(sums, counts, weights) + self._push_above_floor(step)
        self._ranks.sum_gradients(self._model)
        return StepLoss(loss, sums, own)

    def _push_above_floor(self, step: int) -> Tensor | float:
        """Add the gradient of the structures below the floor; this rank's part of their cost."""
        if self._floor is None or not isinstance(self._model, EnergyModel):
            return 0.0
        cost = self._floor.cost(self._model, step, self._ranks, self._device)
        if cost is None:
            return 0.0
        cost.backward()
        return cost.detach()
