"""What computes the structures of one process: one by one, or several in flight that share passes of the network.

In: structures, one at a time. Out: each when it ended. A structure that ends makes room for the next one.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from ase import Atoms

from alignn_ff.batch.computing.worker import Claim, Finished, Job, Worker, whole
from alignn_ff.batch.flight import Around, Flight
from alignn_ff.batch.outcome import failure


class Engine(Protocol):
    """Computes structures."""

    @property
    def n_open(self) -> int:
        """Structures that have not ended."""

    @property
    def has_room(self) -> bool:
        """Whether another structure can be added."""

    def add(self, claim: Claim) -> Sequence[Finished]:
        """Take a structure; those that ended at once."""

    def advance(self) -> Sequence[Finished]:
        """Compute until a structure has ended, or a step of all; those that ended."""

    def close(self) -> None:
        """End what is open, without results."""


def engine_of(job: Job) -> Engine:
    """What computes a job in this process.

    Raises:
        ConfigError: the model is not that of the batch, or its structures cannot be in flight together.
    """
    worker = Worker(job)
    if job.together == 1:
        return OneByOne(worker)
    flight = worker.flight(job.together)
    if flight is not None:
        return InFlight(worker, flight, job.task)
    from alignn_ff.batch.computing.together import Threads

    return Threads(worker.calculator, job)


def compute_here(claims: Iterator[Claim], engine: Engine) -> Iterator[Finished]:
    """Compute structures in this process, in the order in which they end.

    Raises:
        OutputError: the disk is full or failing.
    """
    try:
        yield from computed(claims, engine)
    finally:
        engine.close()


def computed(claims: Iterator[Claim], engine: Engine) -> Iterator[Finished]:
    """The same; the engine can be used again."""
    while True:
        while engine.has_room and (following := next(claims, None)) is not None:
            yield from engine.add(following)
        if not engine.n_open:
            return
        yield from engine.advance()


class OneByOne:
    """One structure at a time."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._claim: Claim | None = None

    @property
    def n_open(self) -> int:
        """See :class:`Engine`."""
        return 0 if self._claim is None else 1

    @property
    def has_room(self) -> bool:
        """See :class:`Engine`."""
        return self._claim is None

    def add(self, claim: Claim) -> Sequence[Finished]:
        """See :class:`Engine`."""
        self._claim = claim
        return ()

    def advance(self) -> Sequence[Finished]:
        """See :class:`Engine`."""
        if self._claim is None:
            return ()
        claim, self._claim = self._claim, None
        began = time.monotonic()
        outcome = self._worker(claim)
        return (Finished(claim, outcome, time.monotonic() - began),)

    def close(self) -> None:
        """See :class:`Engine`."""


class InFlight(Around[Flight]):
    """The flight of a task."""

    def __init__(self, worker: Worker, flight: Flight, task: str) -> None:
        super().__init__(flight)
        self._worker, self._task = worker, task
        self._claims: dict[int, Claim] = {}

    def add(self, claim: Claim) -> Sequence[Finished]:
        """See :class:`Engine`."""
        began = time.monotonic()
        outcome = self._worker.refusal(claim)
        if outcome is None:
            assert isinstance(claim.content, Atoms)
            try:
                self._flight.add(claim.place, claim.content, *self._worker.given(claim))
            except Exception as error:  # noqa: BLE001 - one structure must not end the others; of the disk: see failure
                outcome = failure(error, self._task)
        if outcome is not None:
            return (Finished(claim, outcome, time.monotonic() - began),)
        self._claims[claim.place] = claim
        return ()

    def advance(self) -> Sequence[Finished]:
        """See :class:`Engine`."""
        finished = []
        for key, outcome, seconds in self._flight.advance():
            ended = failure(outcome, self._task) if isinstance(outcome, Exception) else whole(outcome)
            finished.append(Finished(self._claims.pop(key), ended, seconds))
        return finished

    def close(self) -> None:
        """See :class:`Engine`."""
        self._flight.close()
