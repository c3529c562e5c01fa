"""Steps that are not taken, since their gradient is far larger than those of the steps before.

One structure that no model describes, such as two atoms on top of each other, gives a batch whose gradient is a million
times the usual one. Clipping leaves its direction, and the moments of the optimiser remember it; the step is left out.
"""

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from alignn_ff.train.config import TrainingConfig

WINDOW: Final = 100
"""Steps whose norms make the median."""
FEWEST: Final = 20
"""Steps before which there is no median."""


class Skipped(NamedTuple):
    """A step that was not taken.

    Attributes:
        step: its number, from 1.
        norm, limit: of its gradient, and the largest that is allowed there.
        training: indices of its samples, as an epoch numbers them.
    """

    step: int
    norm: float
    limit: float
    training: tuple[int, ...]


def largest_norm(config: TrainingConfig, norms: Sequence[float]) -> float:
    """The largest gradient norm of which a step is taken; infinity where any is.

    Args:
        config: of the run.
        norms: of the last steps, taken or not, so that a lasting change ends the skipping.
    """
    usual = median(norms) if len(norms) >= FEWEST else 0.0
    relative = config.skip_gradient_factor * usual if config.skip_gradient_factor is not None and usual > 0.0 else None
    return min((limit for limit in (config.max_gradient_norm, relative) if limit is not None), default=float("inf"))


def with_norm(norms: Sequence[float], norm: float) -> list[float]:
    """The norms of the last steps after one more."""
    return [*norms[-WINDOW + 1 :], norm]
