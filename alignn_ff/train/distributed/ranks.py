"""The processes of one run, which see different data and take the same steps.

Every rank holds the whole model. A step's batch is shared out over the ranks; means are over the labels of all of
them, so that the summed gradients are those of one process with the whole batch.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from torch import Tensor, nn

from alignn_ff.errors import TrainingError
from alignn_ff.train.distributed.message import Message

M = TypeVar("M", bound=Message)


class Ranks(Protocol):
    """What a run needs of its processes.

    Attributes:
        rank: of this process, from 0; only the first one writes files.
        size: number of processes.
    """

    rank: int
    size: int

    def from_first(self, topic: str, kind: type[M], make: Callable[[], M]) -> M:
        """What ``make`` returns on the first rank; the others wait for it, without limit, and receive a copy.

        Args:
            topic: name of this exchange, used once in a run.
            kind: type of the message.
            make: called on the first rank only.
        """

    def total(self, numbers: Tensor) -> Tensor:
        """Sum over the ranks, not differentiable."""

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """Largest of each number over the ranks."""

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace the gradients by their sums over the ranks."""


class SingleProcess:
    """A run of one process."""

    rank, size = 0, 1

    def from_first(self, topic: str, kind: type[M], make: Callable[[], M]) -> M:  # noqa: ARG002 - nothing is sent
        """What ``make`` returns: the object itself."""
        return make()

    def total(self, numbers: Tensor) -> Tensor:
        """The numbers themselves."""
        return numbers

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """The numbers themselves."""
        return numbers

    def sum_gradients(self, model: nn.Module) -> None:
        """Leave them as they are."""


def share_of(indices: Sequence[int], ranks: Ranks) -> Sequence[int]:
    """The part of a batch that this rank computes."""
    return indices[ranks.rank :: ranks.size]


class LostRankError(TrainingError):
    """A rank has ended, so that the others cannot continue."""
