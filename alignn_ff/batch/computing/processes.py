"""Processes that compute structures; one that dies or takes too long costs only the structure that caused it.

Each process has one structure, or several in flight. Of a process that died, every structure is tried again alone: the
one that ends its process then is the cause. A structure that is late is tried alone too, and the others go on.
"""

import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import NamedTuple

from alignn_ff.batch.computing.child import Child, LostError
from alignn_ff.batch.computing.worker import Claim, Finished, Job
from alignn_ff.batch.outcome import CRASH, TIMEOUT, Outcome

ATTEMPTS = 2
"""Times that a structure may end its process, the last time alone, before it counts as the cause."""


class _Suspect(NamedTuple):
    """A structure that is tried alone, and how often it was in a process that ended."""

    claim: Claim
    n_crashes: int


def in_processes(claims: Iterator[Claim], job: Job, *, processes: int, timeout_s: float | None) -> Iterator[Finished]:
    """Compute structures in processes, in the order in which they end.

    Raises:
        AlignnError: what the first process raised while it loaded the model, or the disk is full.
    """
    crew = _Crew(claims, job, processes, timeout_s)
    try:
        while crew.busy():
            yield from crew.collect()
    finally:
        crew.end()


class _Crew:
    """The processes, and the structures that wait for one."""

    def __init__(self, claims: Iterator[Claim], job: Job, processes: int, timeout_s: float | None) -> None:
        self._claims, self._job, self._timeout_s = claims, job, timeout_s
        self._again: deque[Claim] = deque()  # of a process that ended, but not the cause
        self._suspects: deque[_Suspect] = deque()
        self._crashes: dict[int, int] = {}  # of the structures that are tried alone, by their places
        self._children = [Child(job) for _ in range(processes)]

    def busy(self) -> bool:
        """Give structures to the processes; whether any has one."""
        for child in self._children:
            if self._suspects and child.ready and not child.open:
                suspect = self._suspects.popleft()
                self._crashes[suspect.claim.place] = suspect.n_crashes
                child.begin(suspect.claim, alone=True)
        while (able := self._emptiest()) is not None and (following := self._next()) is not None:
            able.begin(following)
        return bool(self._suspects) or any(child.open for child in self._children) or self._more()

    def _emptiest(self) -> Child | None:
        """Which process takes the next structure; the first one takes none while structures wait to be tried alone."""
        open_to = self._children[1:] if self._suspects and len(self._children) > 1 else self._children
        if self._suspects and len(self._children) == 1:
            return None
        able = [child for child in open_to if child.ready and not child.alone and len(child.open) < self._job.together]
        return min(able, key=lambda child: len(child.open), default=None)

    def _next(self) -> Claim | None:
        return self._again.popleft() if self._again else next(self._claims, None)

    def _more(self) -> bool:
        """Whether structures wait for processes that are not ready yet."""
        following = self._next()
        if following is not None:
            self._again.appendleft(following)
        return following is not None

    def collect(self) -> Iterator[Finished]:
        """Wait for a process; the structures that ended."""
        asked = [child for child in self._children if child.open or not child.ready]
        late = [child.seconds_left(self._timeout_s) for child in asked]
        heard = wait(
            [child.connection for child in asked], min((left for left in late if left is not None), default=None)
        )
        for child in asked:
            if child.connection in heard:
                yield from self._finished(child)
            elif (seconds := child.seconds_left(self._timeout_s)) is not None and seconds <= 0.0:
                yield from self._late(child)

    def _finished(self, child: Child) -> Iterator[Finished]:
        try:
            for finished in child.collect():
                self._crashes.pop(finished.claim.place, None)
                yield finished
        except LostError as lost:
            yield from self._died(child, str(lost))

    def _died(self, child: Child, how: str) -> Iterator[Finished]:
        for claim, began in child.replace():
            n_crashes = self._crashes.pop(claim.place, 0) + 1
            if n_crashes < ATTEMPTS:
                self._suspects.append(_Suspect(claim, n_crashes))
                continue
            message = f"its process ended {ATTEMPTS} times ({how})"
            yield self._failed(claim, began, CRASH, message)

    def _late(self, child: Child) -> Iterator[Finished]:
        assert self._timeout_s is not None
        was_shared = len(child.open) > 1
        for claim, began in child.replace():
            took = time.monotonic() - began
            if took < self._timeout_s:
                self._again.append(claim)
            elif was_shared:
                self._suspects.append(_Suspect(claim, 0))
            else:
                self._crashes.pop(claim.place, None)
                yield self._failed(claim, began, TIMEOUT, f"not ready after {took / 60:.3g} minutes (--timeout)")

    def _failed(self, claim: Claim, began: float, reason: str, message: str) -> Finished:
        outcome = Outcome("failed", reason=reason, phase=self._job.task, message=message)
        return Finished(claim, outcome, time.monotonic() - began)

    def end(self) -> None:
        """End all processes, whatever they do."""
        for child in self._children:
            child.end()
