"""One process of a batch: the side of the parent, and its body."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Final, NamedTuple

from alignn_ff.batch.computing.engines import engine_of
from alignn_ff.batch.computing.worker import Claim, Finished, Job, quiet_child
from alignn_ff.batch.outcome import Outcome
from alignn_ff.errors import AlignnError, ConfigError

READY: Final = "ready"


class LostError(Exception):
    """A process died; the message is how."""


class _Open(NamedTuple):
    """A structure that a process has, and since when (``time.monotonic()``)."""

    claim: Claim
    began: float


class Child:
    """A process, as its parent has it.

    Attributes:
        connection: that reports.
        ready: whether it has loaded the model.
        open: place → structure that it has.
        alone: whether it takes no other structure beside the one that it has.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._job), daemon=True)
        self._process.start()
        theirs.close()
        self.ready, self.alone = False, False
        self.open: dict[int, _Open] = {}

    def begin(self, claim: Claim, *, alone: bool = False) -> None:
        """Give it a structure."""
        self.open[claim.place], self.alone = _Open(claim, time.monotonic()), alone
        with suppress(OSError):  # it died while idle; the next look at it shows that
            self.connection.send(claim)

    def seconds_left(self, timeout_s: float | None) -> float | None:
        """Until one of its structures is late; None without a limit."""
        if timeout_s is None or not self.open:
            return None
        return max(0.0, min(one.began for one in self.open.values()) + timeout_s - time.monotonic())

    def collect(self) -> Iterator[Finished]:
        """The structures that ended, as far as it has reported them.

        Raises:
            LostError: the process died.
            AlignnError: what it raised.
        """
        while self.connection.poll():
            try:
                said = self.connection.recv()
            except (EOFError, OSError):
                raise LostError(self._how_it_ended()) from None
            if isinstance(said, AlignnError):
                raise said
            if said == READY:
                self.ready = True
                continue
            place, outcome, seconds = said
            claim = self.open.pop(place).claim
            self.alone = self.alone and bool(self.open)
            yield Finished(claim, outcome, seconds)

    def _how_it_ended(self) -> str:
        self._process.join()
        how = _in_words(self._process.exitcode)
        if not self.ready:
            raise ConfigError(
                f"a process of the batch ended while it loaded the model ({how}); are memory and --model right?"
            )
        return how

    def replace(self) -> list[_Open]:
        """Start a new process instead; the structures that this one had."""
        left = list(self.open.values())
        self.end()
        self._start()
        return left

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _in_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}" + (", perhaps for want of memory" if code == -9 else "")
    return f"exit code {code}"


def serve(connection: Connection, job: Job) -> None:
    """Body of a process: the terminal's Ctrl-C is for the parent, and the end of the parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    quiet_child()
    try:
        engine = engine_of(job)
        connection.send(READY)
        while True:
            while engine.has_room and (not engine.n_open or connection.poll()):
                _report(connection, engine.add(connection.recv()))
            _report(connection, engine.advance())
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return
    except AlignnError as error:
        connection.send(error)


def _end_with_parent() -> None:
    """End this process when its parent has ended: a run that resumes would write the same files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


Reported = tuple[int, Outcome, float]


def _report(connection: Connection, finished: Sequence[Finished]) -> None:
    for claim, outcome, seconds in finished:
        connection.send((claim.place, outcome, seconds))
