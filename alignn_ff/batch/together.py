"""Several structures in flight in this process: each has its own thread and optimiser, all share passes of the network.

A structure that ends makes room for the next one. The computation of each structure is that of a single one; only the
sums inside the network are taken over another batch, which changes the last bits.
"""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from alignn_ff.batch.gathering import GatheringExecutor
from alignn_ff.batch.processes import Finished
from alignn_ff.batch.worker import Claim, Job, Worker
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ConfigError

Told = Finished | BaseException


def in_flight(claims: Iterator[Claim], job: Job, *, together: int) -> Iterator[Finished]:
    """Compute structures in threads that share a model, in the order in which they end.

    Raises:
        ConfigError: the calculator is not a model of this package.
        OutputError: the disk is full or failing.
    """
    executor, workers = _crew(job, together)
    todo: queue.Queue[Claim | None] = queue.Queue()
    told: queue.Queue[Told] = queue.Queue()
    threads = [threading.Thread(target=_serve, args=(w, executor, todo, told), daemon=True) for w in workers]
    first = list(islice(claims, together))
    for _ in first:
        executor.join()
    for claim in first:
        todo.put(claim)
    for thread in threads:
        thread.start()
    n_open = len(first)
    try:
        while n_open:
            finished = told.get()
            if isinstance(finished, BaseException):
                raise finished
            yield finished
            following = next(claims, None)
            if following is None:
                n_open -= 1
                executor.leave()
            else:
                todo.put(following)
    finally:
        executor.close()
        for _ in threads:
            todo.put(None)
        for thread in threads:
            thread.join()


def _crew(job: Job, together: int) -> tuple[GatheringExecutor, list[Worker]]:
    """The executor, and a worker for each structure in flight."""
    made = job.make()
    if not isinstance(made, AlignnCalculator):
        raise ConfigError(
            f"structures are computed together (--together) by models of this package, not by {type(made).__name__}; "
            "use --processes"
        )
    potential = made.potential
    executor = potential.executor = GatheringExecutor.of(potential)
    dispersion = None if made.dispersion is None else made.dispersion.name

    def share() -> AlignnCalculator:
        return AlignnCalculator(potential, outside=made.outside, dispersion=dispersion)

    return executor, [Worker(replace(job, make=share)) for _ in range(together)]


def _serve(
    worker: Worker, executor: GatheringExecutor, todo: "queue.Queue[Claim | None]", told: "queue.Queue[Told]"
) -> None:
    while (claim := todo.get()) is not None:
        executor.computes(claim.place)
        began = time.monotonic()
        try:
            outcome = worker(claim)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            told.put(error)
            return
        told.put(Finished(claim, outcome, time.monotonic() - began))
