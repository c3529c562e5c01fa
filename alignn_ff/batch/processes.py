"""Processes that compute structures; one that dies or takes too long costs only the structure that it computes."""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Final, NamedTuple

from alignn_ff.batch.outcome import CRASH, TIMEOUT, Outcome
from alignn_ff.batch.worker import Claim, Job, Worker, quiet_child
from alignn_ff.errors import AlignnError, ConfigError

ATTEMPTS: Final = 2
"""Times that a structure may end its process before it counts as the cause."""

READY: Final = "ready"


class Finished(NamedTuple):
    """A structure that ended."""

    claim: Claim
    outcome: Outcome
    wall_time_s: float


def in_processes(claims: Iterator[Claim], job: Job, *, processes: int, timeout_s: float | None) -> Iterator[Finished]:
    """Compute structures in processes, in the order in which they end.

    Raises:
        AlignnError: what the first process raised while it loaded the model, or the disk is full.
    """
    waiting: deque[tuple[Claim, int]] = deque()
    workers = [_Child(job) for _ in range(processes)]
    try:
        while True:
            for child in workers:
                if child.idle and (following := _next(waiting, claims)) is not None:
                    child.begin(*following)
            busy = [child for child in workers if child.claim is not None or not child.ready]
            if not any(child.claim is not None for child in workers) and _nothing(waiting, claims):
                return
            for child in _reporting(busy, timeout_s):
                yield from child.collect(waiting)
    finally:
        for child in workers:
            child.end()


def _next(waiting: deque[tuple[Claim, int]], claims: Iterator[Claim]) -> tuple[Claim, int] | None:
    if waiting:
        return waiting.popleft()
    claim = next(claims, None)
    return None if claim is None else (claim, 1)


def _nothing(waiting: deque[tuple[Claim, int]], claims: Iterator[Claim]) -> bool:
    following = _next(waiting, claims)
    if following is not None:
        waiting.appendleft(following)
    return following is None


def _reporting(busy: "list[_Child]", timeout_s: float | None) -> "list[_Child]":
    """The processes that have something to say, died, or are late."""
    left = [child.seconds_left(timeout_s) for child in busy]
    known = [seconds for seconds in left if seconds is not None]
    heard = wait([child.connection for child in busy], min(known) if known else None)
    return [
        child
        for child in busy
        if child.connection in heard or ((late := child.seconds_left(timeout_s)) is not None and late <= 0)
    ]


class _Child:
    """One process, and the structure that it computes."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._job), daemon=True)
        self._process.start()
        theirs.close()
        self.ready, self.claim = False, None  # type: bool, Claim | None
        self._attempt, self._began = 0, 0.0

    @property
    def idle(self) -> bool:
        """Whether it can take a structure."""
        return self.ready and self.claim is None

    def begin(self, claim: Claim, attempt: int) -> None:
        """Give it a structure."""
        self.claim, self._attempt, self._began = claim, attempt, time.monotonic()
        with suppress(OSError):  # it died while idle; the next look at it shows that
            self.connection.send(claim)

    def seconds_left(self, timeout_s: float | None) -> float | None:
        """Until its structure is late; None without a limit."""
        if timeout_s is None or self.claim is None:
            return None
        return max(0.0, self._began + timeout_s - time.monotonic())

    def collect(self, waiting: deque[tuple[Claim, int]]) -> Iterator[Finished]:
        """What it has to say: nothing, or the end of its structure."""
        took = time.monotonic() - self._began
        if not self.connection.poll():
            assert self.claim is not None
            message = f"not ready after {took / 60:.3g} minutes (--timeout)"
            yield Finished(self.claim, Outcome("failed", reason=TIMEOUT, phase=self._job.task, message=message), took)
            self._replace()
            return
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            yield from self._died(waiting, took)
            return
        if isinstance(said, AlignnError):
            raise said
        if said == READY:
            self.ready = True
            return
        assert self.claim is not None
        yield Finished(self.claim, said, took)
        self.claim = None

    def _died(self, waiting: deque[tuple[Claim, int]], took: float) -> Iterator[Finished]:
        self._process.join()
        how = _in_words(self._process.exitcode)
        if not self.ready:
            raise ConfigError(
                f"a process of the batch ended while it loaded the model ({how}); are memory and --model right?"
            )
        if self.claim is not None and self._attempt < ATTEMPTS:
            waiting.appendleft((self.claim, self._attempt + 1))
        elif self.claim is not None:
            message = f"its process ended {ATTEMPTS} times ({how})"
            yield Finished(self.claim, Outcome("failed", reason=CRASH, phase=self._job.task, message=message), took)
        self._replace()

    def _replace(self) -> None:
        self.end()
        self._start()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _in_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}" + (", perhaps for want of memory" if code == -9 else "")
    return f"exit code {code}"


def _serve(connection: Connection, job: Job) -> None:
    """Body of a process: the terminal's Ctrl-C is for the parent, and the end of the parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quiet_child()
    try:
        worker = Worker(job)
        connection.send(READY)
        while True:
            claim = connection.recv()
            connection.send(worker(claim))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except AlignnError as error:
        connection.send(error)
