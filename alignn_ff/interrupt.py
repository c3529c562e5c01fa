"""Stop a long run by a signal: SIGINT and SIGTERM become a request that the run checks between two steps.

Commands without steps end by SIGTERM as by Ctrl-C, with an exception, so that they leave nothing half done.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ECHO_S: Final = 1.0
"""A second signal within this time counts as the first one, because launchers forward what the terminal also sent."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came while no run was checking for it."""


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


@contextmanager
def sigterm_raises() -> Iterator[StopRequest]:
    """A context in which SIGTERM raises :class:`Terminated`; a further one within a second counts as the same.

    Within :func:`stop_on_signals` it is a request, as everywhere. A forked process ends by SIGTERM as if there were no
    such context. Where the program has a handler of its own, and outside the main thread, nothing changes.
    """
    request, owner, last_at = StopRequest(), os.getpid(), 0.0
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield request
        return

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        nonlocal last_at
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        before, last_at = last_at, time.monotonic()
        if request.signal is None or last_at - before > ECHO_S:
            request.signal = number
            raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield request
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
