"""Stop a long run by a signal: SIGINT and SIGTERM become a request that the run checks between two steps."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ECHO_S: Final = 1.0
"""A second signal within this time counts as the first one, because launchers forward what the terminal also sent."""


class StopRequest:
    """Whether a signal requested a stop, and which signal."""

    signal: int | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    @property
    def name(self) -> str | None:
        """Name of the signal, such as "SIGINT"."""
        return None if self.signal is None else signal.Signals(self.signal).name

    @property
    def exit_code(self) -> int:
        """Exit code of a program that was ended by the signal."""
        return 128 + (self.signal or 0)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """A context in which SIGINT and SIGTERM become a request to stop.

    A second Ctrl-C, at least a second later, raises KeyboardInterrupt, also within a step.
    Outside the main thread Python receives no signals, so there the request is never set.
    """
    request = StopRequest()
    first_at = 0.0
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        nonlocal first_at
        if request.signal is None:
            request.signal, first_at = number, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - first_at > ECHO_S:
            raise KeyboardInterrupt

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
