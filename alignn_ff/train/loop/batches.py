"""The batches of a training: which samples are in each, and whether the host makes it or the device cuts it out.

In: config, samples, processes. Out: this process's part of each batch of an epoch, and of a validation. A recorded step
cuts its batch out by itself, and gets the places of the samples.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeAlias

import torch

from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.distributed.ranks import Ranks, share_of
from alignn_ff.train.loop.loader import Loader
from alignn_ff.train.loop.replay import WithReplay, n_replayed
from alignn_ff.train.records.batches import Sample, epoch_order
from alignn_ff.train.records.padded import Places
from alignn_ff.train.records.resident import resident_samples

Batch: TypeAlias = Sample | Places
"""A batch, or what stands for it."""


class Batches:
    """Makes batches.

    Args:
        config: of the run.
        training, validation: samples on the host; validation may be empty.
        replay: samples that the start model was trained on, of which each epoch uses some.
        device: of the steps.
        ranks: processes of the run.

    Attributes:
        n_replayed: samples of an epoch that are replayed.
        steps_per_epoch: optimiser steps.
    """

    def __init__(
        self,
        config: TrainingConfig,
        *,
        training: Sequence[Sample],
        validation: Sequence[Sample],
        replay: Sequence[Sample],
        device: torch.device,
        ranks: Ranks,
    ) -> None:
        self._config, self._training, self._validation, self._replay = config, training, validation, replay
        self._ranks, self._loader = ranks, Loader(n_threads=config.num_workers, pin_memory=config.pin_memory)
        self.resident = resident_samples([training, replay], device, config.stay)
        self._resident_validation = resident_samples([validation], device, config.stay)
        self.n_replayed = n_replayed(len(training), len(replay), config.replay_fraction)
        n_batches = -(-(len(training) + self.n_replayed) // config.batch_size)
        self.steps_per_epoch = -(-n_batches // config.accumulation_steps)

    def of_epoch(self, epoch: int, *, first: int) -> Iterator[list[Batch]]:
        """The batches of each step of an epoch, from step ``first`` on."""
        seed, each = self._config.random_seed, self._config.accumulation_steps
        samples = WithReplay(self._training, self._replay, self.n_replayed, seed=seed, epoch=epoch)
        shares = [share_of(indices, self._ranks) for indices in self._order(epoch)[first * each :]]
        batches: Iterable[Batch]
        if self.resident is None:
            batches = self._loader.batches(samples, shares)
        elif self._config.record_steps:
            batches = (Places(tuple(samples.places(share))) for share in shares)
        else:
            batches = map(self.resident.batch, map(samples.places, shares))
        ahead = iter(batches)
        return iter(lambda: list(islice(ahead, each)), [])

    def samples_of(self, epoch: int, step: int) -> tuple[int, ...]:
        """Indices of the samples of a step, of all processes, as the epoch numbers them."""
        each = self._config.accumulation_steps
        return tuple(chain(*self._order(epoch)[step * each : (step + 1) * each]))

    def of_samples(self, samples: Sequence[Sample]) -> Iterator[tuple[Sequence[int], Sample]]:
        """Of the samples of validation or training in their order: which are in each batch, and the batch."""
        size, n_samples = self._config.batch_size, len(samples)
        starts = range(0, n_samples, size)
        order = [share_of(range(start, min(start + size, n_samples)), self._ranks) for start in starts]
        resident = self._resident_validation if samples is self._validation else self.resident
        batches = self._loader.batches(samples, order) if resident is None else map(resident.batch, order)
        return zip(order, batches, strict=True)

    def _order(self, epoch: int) -> list[list[int]]:
        n_samples, config = len(self._training) + self.n_replayed, self._config
        return epoch_order(n_samples, config.batch_size, seed=config.random_seed, epoch=epoch)
