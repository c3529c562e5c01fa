"""Stopping a long run on purpose: SIGINT and SIGTERM become a request that the run reads between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether a signal asked to stop, and which."""

    signal: int | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request to stop, for a while; a second signal does not wait for the step.

    Outside the main thread, where Python takes no signals, the request never comes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if request.signal is not None:
            raise KeyboardInterrupt
        request.signal = number

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
