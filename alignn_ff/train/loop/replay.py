"""Replay: structures that the start model was trained on, drawn anew for each epoch."""

import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def n_replayed(n_training: int, n_pool: int, fraction: float) -> int:
    """Number of structures drawn per epoch, so that they are this fraction of all; at most the whole pool."""
    return min(n_pool, round(fraction / (1.0 - fraction) * n_training))


class WithReplay(Sequence[Item]):
    """The samples of one epoch: those of training, then those drawn from the pool.

    Args:
        training: seen in every epoch.
        pool: samples to draw from.
        n_drawn: number drawn per epoch.
        seed, epoch: decide which.
    """

    def __init__(self, training: Sequence[Item], pool: Sequence[Item], n_drawn: int, *, seed: int, epoch: int) -> None:
        drawn = random.Random(f"replay/{seed}/{epoch}").sample(range(len(pool)), n_drawn)  # noqa: S311 - no secrets
        self._training, self._pool, self._drawn = training, pool, drawn

    def places(self, indices: Sequence[int]) -> list[int]:
        """Where samples are among those of training, followed by the whole pool."""
        n = len(self._training)
        return [index if index < n else n + self._drawn[index - n] for index in indices]

    def __len__(self) -> int:
        return len(self._training) + len(self._drawn)

    def __getitem__(self, index: int) -> Item:  # type: ignore[override]
        n = len(self._training)
        return self._training[index] if index < n else self._pool[self._drawn[index - n]]
