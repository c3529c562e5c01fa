"""Stopping a training on purpose: SIGINT and SIGTERM end it after the current step, with everything saved."""

import signal

from alignn_ff.errors import TrainingError
from alignn_ff.interrupt import StopRequest, stop_on_signals
from alignn_ff.train.distributed.ranks import Ranks

__all__ = ["StopRequest", "TrainingInterruptedError", "asked_anywhere", "stop_on_signals"]


class TrainingInterruptedError(TrainingError):
    """A signal stopped the run; what can be kept is on disk.

    Args:
        number: of the signal.
        where: how far the run was, and what is kept.
        advice: how to continue.
    """

    def __init__(self, number: int, where: str, advice: str) -> None:
        self.exit_code = 128 + number
        super().__init__(f"stopped by {signal.Signals(number).name} {where}, and {advice}")


def asked_anywhere(stop: StopRequest, ranks: Ranks) -> bool:
    """Whether any process of the run has received a signal to stop; all of them must call this."""
    (number,) = ranks.largest(stop.signal or 0)
    stop.signal = number or None
    return number > 0
