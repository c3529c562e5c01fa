"""Stopping a run on purpose: SIGINT and SIGTERM end it after the current step, with everything saved."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from alignn_ff.errors import TrainingError


class TrainingInterruptedError(TrainingError):
    """A signal stopped the run; its state is on disk."""

    def __init__(self, number: int, epoch: int, folder: Path) -> None:
        self.exit_code = 128 + number
        super().__init__(
            f"stopped by {signal.Signals(number).name} after {epoch} epochs; everything is saved in {folder}, "
            "and the same command with --resume goes on from there"
        )


class StopRequest:
    """Whether a signal asked to stop, and which."""

    signal: int | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None


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
