"""Stopping a run on purpose: SIGINT and SIGTERM end it after the current step, with everything saved."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from alignn_ff.errors import TrainingError
from alignn_ff.train.ranks import Ranks


class TrainingInterruptedError(TrainingError):
    """A signal stopped the run; what can be kept is on disk.

    Args:
        number: of the signal.
        where: where the run stood, and what is kept.
        advice: how to go on.
    """

    def __init__(self, number: int, where: str, advice: str) -> None:
        self.exit_code = 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name} {where}, and {advice}")


class StopRequest:
    """Whether a signal asked to stop, and which."""

    signal: int | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    def shared(self, ranks: Ranks) -> bool:
        """Whether any process of the run was asked to stop; all of them must call this."""
        (number,) = ranks.largest(self.signal or 0)
        self.signal = number or None
        return number > 0


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request to stop, for a while."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        request.signal = number

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
