"""Gradients whose operations are recorded once for each size of batch, and replayed from then on (CUDA graphs).

The host copies the places of the samples of a batch to the device and starts one replay, in place of one call per
operation. Batches are padded to a few sizes (``records/padded.py``). On devices that are not CUDA
the operations are called as they are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from alignn_ff.execution.replay import GraphPool, Repeat
from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.torch_private import zero_all
from alignn_ff.train.distributed.ranks import SingleProcess
from alignn_ff.train.floor.prior import FloorPrior
from alignn_ff.train.labels import LABELS
from alignn_ff.train.loop.averages import StepLoss
from alignn_ff.train.loop.batches import Batch
from alignn_ff.train.loss.loss import combined, label_counts
from alignn_ff.train.records.padded import BatchSizes, PaddedSamples, Places
from alignn_ff.train.records.resident import ResidentSamples
from alignn_ff.train.trainer.gradients import Compute


class RecordedGradients:
    """Gradients of batches of one size are those of one recording.

    Recordings change these arrays in place, which therefore stay where they are: the places of the samples, the weights
    of the costs, the gradients, and the numbers that come out. Their memory in between is shared, since each
    recording leaves nothing there that another one needs.

    Args:
        model: on its device; its weights have to be changed in place.
        parameters: those that are trained.
        compute: costs of a batch.
        samples: of the training, on the device.
        floor: structures that are held above a floor of the energy, on the device too; None: there are none.
        cutoff: Å, of the model.
        device: where steps run.

    Attributes:
        n_recordings: recordings, or sizes of batches, so far.
    """

    def __init__(
        self,
        model: EnergyModel | PropertyModel,
        parameters: Sequence[nn.Parameter],
        *,
        compute: Compute,
        samples: ResidentSamples,
        floor: FloorPrior | None,
        cutoff: float,
        device: torch.device,
    ) -> None:
        self._model, self._parameters, self._compute = model, list(parameters), compute
        self._device, self._floor = device, floor
        self._samples = PaddedSamples(samples, cutoff)
        held = None if floor is None else floor.resident
        self._floor_samples = None if held is None else PaddedSamples(held, cutoff)
        self._weights = torch.zeros(len(LABELS), dtype=torch.float64, device=device)
        self._numbers = torch.zeros(1 + 2 * len(LABELS), dtype=torch.float64, device=device)
        self._pool = GraphPool(device)
        self._of_batches: dict[BatchSizes, tuple[Tensor, Repeat]] = {}
        self._of_floor: dict[BatchSizes, tuple[Tensor, Repeat]] = {}
        self._having: list[bool] | None = None
        for parameter in self._parameters:
            parameter.grad = None

    @property
    def n_recordings(self) -> int:
        """Sizes of batches so far, of the floor too."""
        return len(self._of_batches) + len(self._of_floor)

    def __call__(self, batches: Sequence[Batch], weights: Tensor, step: int) -> StepLoss:
        """See :class:`~alignn_ff.train.trainer.gradients.Gradients`; one batch of places."""
        (batch,) = batches
        assert isinstance(batch, Places)
        self._weights.copy_(weights)
        self._repeat(self._of_batches, self._samples, batch.indices, floor=False)
        if self._floor is not None and self._floor_samples is not None:
            drawn = self._floor.drawn(step, SingleProcess())
            self._repeat(self._of_floor, self._floor_samples, drawn, floor=True)
        self._check_gradients()
        total, sums, counts = self._numbers.clone().split([1, len(LABELS), len(LABELS)])
        return StepLoss(total[0], sums, counts)

    def _repeat(
        self,
        known: dict[BatchSizes, tuple[Tensor, Repeat]],
        samples: PaddedSamples,
        places: Sequence[int],
        *,
        floor: bool,
    ) -> None:
        """Replay the recording of this size, of which there may be none yet."""
        sizes = samples.sizes_for(places)
        if sizes not in known:
            chosen = torch.zeros(len(places), dtype=torch.int64, device=self._device)
            known[sizes] = chosen, self._recording(samples, chosen, sizes, floor=floor)
        chosen, repeat = known[sizes]
        chosen.copy_(torch.tensor(places, dtype=torch.int64), non_blocking=True)
        repeat()

    def _check_gradients(self) -> None:
        """Forget all recordings if a weight has got its first gradient: they do not set it to zero."""
        having = [parameter.grad is not None for parameter in self._parameters]
        if self._having is not None and having != self._having:
            self._of_batches.clear()
            self._of_floor.clear()
        self._having = having

    def _recording(self, samples: PaddedSamples, chosen: Tensor, sizes: BatchSizes, *, floor: bool) -> Repeat:
        def learn() -> None:
            self._forget()
            batch = samples.batch(chosen, sizes)
            counts = label_counts(batch.targets)
            _, costs = self._compute(batch)
            loss = combined(costs, counts, self._weights)
            loss.backward(inputs=self._parameters)
            self._numbers.copy_(torch.cat([loss.detach()[None], costs.detach(), counts]))

        def push_above_floor() -> None:
            assert self._floor is not None
            assert isinstance(self._model, EnergyModel)
            cost = self._floor.cost_of(self._model, samples.batch(chosen, sizes), sizes.structures)
            cost.backward(inputs=self._parameters)
            self._numbers[0] += cost.detach()

        return Repeat(push_above_floor if floor else learn, self._device, pool=self._pool)

    def _forget(self) -> None:
        """Set gradients to zero where they are; weights that have none, since no cost depends on them, get none."""
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        if gradients:
            zero_all(gradients)
