"""Stopping a training on purpose: SIGINT and SIGTERM end it after the current step, with everything saved."""

import signal
from pathlib import Path

from alignn_ff.errors import TrainingError
from alignn_ff.interrupt import StopRequest, stop_on_signals

__all__ = ["StopRequest", "TrainingInterruptedError", "stop_on_signals"]


class TrainingInterruptedError(TrainingError):
    """A signal stopped the run; its state is on disk."""

    def __init__(self, number: int, epoch: int, folder: Path) -> None:
        self.exit_code = 128 + number
        super().__init__(
            f"stopped by {signal.Signals(number).name} after {epoch} epochs; everything is saved in {folder}, "
            "and the same command with --resume goes on from there"
        )
