"""Stopping a long run on purpose: SIGINT and SIGTERM become a request that the run reads between two steps."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ECHO_S: Final = 1.0
"""Within this time after the first, a signal is the same one again: launchers pass on what the terminal sent too."""


class StopRequest:
    """Whether a signal asked to stop, and which."""

    signal: int | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    @property
    def name(self) -> str | None:
        """Of the signal: "SIGINT"."""
        return None if self.signal is None else signal.Signals(self.signal).name

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal ended."""
        return 128 + (self.signal or 0)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request to stop, for a while.

    A second Ctrl-C, a second later, ends what hangs between two steps: it raises KeyboardInterrupt.
    Outside the main thread, where Python takes no signals, the request never comes.
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
