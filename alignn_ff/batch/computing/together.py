"""Several structures in flight in this process, for any task: each has its own thread, all share passes of the network.

The computation of each structure is that of a single one; only the sums inside the network are taken over another
batch, which changes the last bits. Which structures are in a pass does not depend on timing.
"""

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from ase.calculators.calculator import BaseCalculator

from alignn_ff.batch.computing.gathering import GatheringExecutor
from alignn_ff.batch.computing.worker import Claim, Finished, Job, Worker
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ConfigError

Told = Finished | BaseException


class Threads:
    """An :class:`Engine` with a thread per structure in flight.

    Args:
        calculator: whose model all threads share.
        job: what is computed.

    Raises:
        ConfigError: the calculator is not a model of this package.
    """

    def __init__(self, calculator: BaseCalculator, job: Job) -> None:
        self._executor, workers = _crew(shareable(calculator), job)
        self._todo: queue.Queue[Claim | None] = queue.Queue()
        self._told: queue.Queue[Told] = queue.Queue()
        self._threads = [threading.Thread(target=self._serve, args=(worker,), daemon=True) for worker in workers]
        self.n_open, self._n_vacant = 0, 0
        self._new: list[Claim] = []
        for thread in self._threads:
            thread.start()

    @property
    def has_room(self) -> bool:
        """See :class:`Engine`."""
        return self.n_open < len(self._threads)

    def add(self, claim: Claim) -> Sequence[Finished]:
        """See :class:`Engine`; it begins when all that are added with it are known, and takes over a vacant place."""
        if self._n_vacant:
            self._n_vacant -= 1
        else:
            self._executor.join()
        self.n_open += 1
        self._new.append(claim)
        return ()

    def advance(self) -> Sequence[Finished]:
        """See :class:`Engine`.

        Raises:
            OutputError: the disk is full or failing.
        """
        for _ in range(self._n_vacant):
            self._executor.leave()
        for claim in self._new:
            self._todo.put(claim)
        self._new, self._n_vacant = [], 0
        told = self._told.get()
        if isinstance(told, BaseException):
            raise told
        self.n_open, self._n_vacant = self.n_open - 1, 1
        return (told,)

    def close(self) -> None:
        """See :class:`Engine`."""
        self._executor.close()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, worker: Worker) -> None:
        while (claim := self._todo.get()) is not None:
            self._executor.computes(claim.place)
            began = time.monotonic()
            try:
                outcome = worker(claim)
            except BaseException as error:  # noqa: BLE001 - the main thread raises it
                self._told.put(error)
                return
            self._told.put(Finished(claim, outcome, time.monotonic() - began))


def shareable(calculator: BaseCalculator) -> AlignnCalculator:
    """A calculator whose passes threads can share.

    Raises:
        ConfigError: it is not a model of this package.
    """
    if not isinstance(calculator, AlignnCalculator):
        raise ConfigError(
            "structures are computed together (--together) by models of this package, not by "
            f"{type(calculator).__name__}; leave out --together"
        )
    return calculator


def _crew(calculator: AlignnCalculator, job: Job) -> tuple[GatheringExecutor, list[Worker]]:
    """The executor, and a worker for each structure in flight."""
    potential = calculator.potential
    executor = potential.executor = GatheringExecutor.of(potential)
    dispersion = None if calculator.dispersion is None else calculator.dispersion.name

    def share() -> AlignnCalculator:
        return AlignnCalculator(potential, outside=calculator.outside, dispersion=dispersion)

    return executor, [Worker(replace(job, make=share)) for _ in range(job.together)]
