"""The workers of a Dask cluster compute structures: each loads the model once, and one that dies costs nothing.

This process hands out groups of structures and is the only one that writes records, so a group whose worker died is
computed again without a structure being recorded twice. A group that ended workers again and again is computed one
structure at a time. One that still ends workers is computed once more when the cluster has nothing else, so that none
is blamed for another in the same worker: it has failed if it does so alone.
"""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any, Final

from distributed import Client, Future, LocalCluster, Worker, WorkerPlugin, as_completed, get_worker
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from alignn_ff.batch.computing.engines import computed, engine_of
from alignn_ff.batch.computing.worker import Claim, Finished, Job, quiet_child
from alignn_ff.batch.outcome import CRASH, Outcome
from alignn_ff.errors import ConfigError

LOCAL: Final = "local"
"""Instead of an address: workers on this machine, which end with the batch."""

PLUGIN: Final = "alignn-ff batch"

AHEAD: Final = 2
"""Groups per worker that are computed or wait for it."""

GROUP: Final = 2
"""Structures of a group, per structure in flight."""

CONNECT_S: Final = 30.0
"""Largest time to reach a scheduler, s."""

Group = tuple[Claim, ...]


class ModelPlugin(WorkerPlugin):  # type: ignore[misc]
    """Holds what computes a job, in each worker."""

    def __init__(self, job: Job) -> None:
        self.name = PLUGIN
        self._job = job
        self._lock: threading.Lock | None = None

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's signature
        """Load the model; called by Dask in each worker, new ones included."""
        quiet_child()
        self._lock, self._engine = threading.Lock(), engine_of(self._job)

    def compute(self, group: Group) -> list[Finished]:
        """Compute the structures of a group; one group at a time."""
        assert self._lock is not None
        with self._lock:
            return list(computed(iter(group), self._engine))

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "_job": self._job, "_lock": None}


def compute_group(group: Group) -> list[Finished]:
    """A task of Dask."""
    finished: list[Finished] = get_worker().plugins[PLUGIN].compute(group)
    return finished


def in_cluster(claims: Iterator[Claim], job: Job, *, scheduler: str, processes: int) -> Iterator[Finished]:
    """Compute structures by the workers of a Dask cluster, in the order in which their groups end.

    Args:
        claims: the structures.
        job: what is computed.
        scheduler: address of the scheduler, or "local".
        processes: workers of a local cluster.

    Raises:
        ConfigError: there is no such scheduler, or it was lost.
        AlignnError: what a worker raised while it loaded the model, or its disk is full.
    """
    with _client(scheduler, processes) as client, _explained(scheduler):
        client.register_plugin(ModelPlugin(job))
        crew = _Crew(client, claims, job)
        crew.hand_out()
        for future in crew.running:
            yield from crew.collect(future)
            crew.hand_out()


@contextmanager
def _client(scheduler: str, processes: int) -> Iterator[Client]:
    """A client of a scheduler that runs, or of a cluster made for this."""
    with ExitStack() as stack:
        address: Any = scheduler
        if scheduler == LOCAL:
            address = stack.enter_context(
                LocalCluster(n_workers=processes, threads_per_worker=1, dashboard_address=None)
            )
        try:
            client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {scheduler!r} ({error}); give the address that it prints, such as "
                "tcp://node1:8786, or local for workers on this machine"
            ) from error
        yield stack.enter_context(client)


@contextmanager
def _explained(scheduler: str) -> Iterator[None]:
    try:
        yield
    except (CommClosedError, CancelledError, TimeoutError) as error:
        raise ConfigError(
            f"the Dask scheduler {scheduler!r} was lost ({error or type(error).__name__}); structures that ended are "
            "kept, and the same line again resumes"
        ) from error


class _Crew:
    """The groups that the cluster has.

    Attributes:
        running: futures of the groups, as they end.
    """

    def __init__(self, client: Client, claims: Iterator[Claim], job: Job) -> None:
        self._client, self._claims, self._job = client, claims, job
        self._again: deque[Group] = deque()  # of groups that ended workers
        self._suspects: deque[Group] = deque()  # single structures that did, or that waited behind one that did
        self._alone: str | None = None  # key of the suspect that the cluster computes with nothing beside it
        self._open: dict[str, Group] = {}
        self.running = as_completed(loop=client.loop)

    def hand_out(self) -> None:
        """Give groups to the cluster, so that each worker has one that waits."""
        n_workers = max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))
        while self._alone is None and len(self._open) < AHEAD * n_workers and (group := self._next()):
            self._submit(group)
        if not self._open and self._suspects:
            self._alone = self._submit(self._suspects.popleft())

    def _submit(self, group: Group) -> str:
        """Give a group to the cluster; its key."""
        future = self._client.submit(compute_group, group, pure=False)
        key: str = future.key
        self._open[key] = group
        self.running.add(future)
        return key

    def _next(self) -> Group:
        size = 1 if self._job.together == 1 else GROUP * self._job.together
        return self._again.popleft() if self._again else tuple(islice(self._claims, size))

    def collect(self, future: Future) -> Iterator[Finished]:
        """The structures of a group that ended; after it ended workers they are tried one by one, and then alone."""
        group, was_alone = self._open.pop(future.key), future.key == self._alone
        self._alone = None if was_alone else self._alone
        error = future.exception()
        if error is None:
            yield from future.result()
        elif not isinstance(error, KilledWorker):
            raise error
        elif len(group) > 1:
            self._again.extend((claim,) for claim in group)
        elif not was_alone:
            self._suspects.append(group)
        else:
            message = "it ended its worker again and again"
            yield Finished(group[0], Outcome("failed", reason=CRASH, phase=self._job.task, message=message), 0.0)
