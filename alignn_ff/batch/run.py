"""A batch: structures in, files in a folder out; the same call again goes on where the last one was killed."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from alignn_ff.batch.choice import Chosen, choose, usable_cores
from alignn_ff.batch.computing.engines import compute_here, engine_of
from alignn_ff.batch.computing.processes import in_processes
from alignn_ff.batch.computing.worker import Claim, Finished, Job, MakeCalculator, announce, model_of
from alignn_ff.batch.config import BatchConfig
from alignn_ff.batch.folder.manifest import Item, Manifest, Scanned, agree, items_of, manifest_file, scanned
from alignn_ff.batch.folder.shard import Endings, ShardWriter, shard_paths
from alignn_ff.batch.folder.status import BatchStatus, status_of
from alignn_ff.batch.inputs import Given, Inputs
from alignn_ff.batch.tasks import all_tasks
from alignn_ff.errors import ConfigError
from alignn_ff.io import sole_writer
from alignn_ff.runs.config import RunConfig


@dataclass(frozen=True)
class Batch:
    """What is computed, and where it is written.

    Attributes:
        task: a key of ``all_tasks()``.
        inputs: gives the structures; called twice.
        config: of the task.
        make: gives the calculator: any of ASE, picklable.
        folder: of the results.
        how: processes, shards, limits.
    """

    task: str
    inputs: Inputs
    config: RunConfig
    make: MakeCalculator
    folder: Path
    how: BatchConfig = field(default_factory=BatchConfig)

    def structures(self) -> Iterator[Given]:
        """What is computed, from the first one: each structure of the input in all variants of the task.

        Raises:
            ConfigError: there is no such task.
        """
        known = all_tasks()
        if self.task not in known:
            raise ConfigError(f"there is no task {self.task!r}; there are {', '.join(known)}")
        kinds = tuple(known[self.task].variants(self.config))
        for given in self.inputs():
            for ending, settings in kinds:
                yield given._replace(identifier=given.identifier + ending, settings=settings)


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        n_total: structures of this run.
        n_before: of them, ended before it began.
        states, reasons: of those that ended in this run.
        began: ``time.monotonic()`` of the start.
    """

    n_total: int
    n_before: int
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    @property
    def n_ended(self) -> int:
        """Structures that ended in this run."""
        return sum(self.states.values())

    @property
    def per_second(self) -> float:
        """Structures per second of this run."""
        return self.n_ended / max(time.monotonic() - self.began, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Until the end, at the present rate; None before the first structure has ended."""
        return None if not self.n_ended else (self.n_total - self.n_before - self.n_ended) / self.per_second


Notify = Callable[[Progress], None]


def run_batch(
    batch: Batch, *, shard: int | None = None, retry_failed: bool = False, notify: Notify | None = None
) -> BatchStatus:
    """Compute the structures of a batch that have not ended yet.

    Args:
        batch: what, and where.
        shard: the part to compute, from 0; None: all, one after another.
        retry_failed: compute those that failed again.
        notify: called when a structure ended.

    Returns:
        How far the shards of this run are.

    Raises:
        ConfigError: the folder is of another batch, another run writes the shard, there is no such shard or task, two
            ids are the same, or there are no structures.
        StructureError: an input does not exist.
        OutputError: the disk is full or failing.
    """
    with describe(batch) as described:
        manifest = described.manifest
        agree(batch.folder, manifest, described.found)
        job, processes = _job(batch, described)
    del described  # and with it, where processes compute, the calculator of this one
    chosen = _chosen_shards(manifest.shards, shard)
    with ExitStack() as stack:
        stack.enter_context(sole_writer(shard_paths(batch.folder, k).records for k in chosen))
        before = Endings(manifest.n_structures)
        writers = {k: stack.enter_context(ShardWriter(shard_paths(batch.folder, k), before)) for k in chosen}
        wanted = _mine(batch.folder, writers, manifest.n_structures)
        n_all = int(wanted.sum())
        wanted &= ~before.over(without_failed=retry_failed)
        del before
        progress = Progress(n_all, n_all - int(wanted.sum()))
        _compute(batch, job, processes, writers, wanted, progress, notify or (lambda _: None))
    return status_of(batch.folder, shards=chosen)


def _compute(
    batch: Batch,
    job: Job,
    processes: int,
    writers: Mapping[int, ShardWriter],
    wanted: NDArray[np.bool_],
    progress: Progress,
    notify: Notify,
) -> None:
    """Compute the wanted structures, and write each as soon as it ends."""
    notify(progress)
    if not wanted.any():
        return
    open_items: dict[int, Item] = {}
    for finished in _finished(_claims(batch, wanted, open_items), job, processes, batch.how):
        _write(finished, open_items.pop(finished.claim.place), writers, progress)
        notify(progress)


class Described(NamedTuple):
    """What a batch is.

    Attributes:
        manifest: of its folder.
        found: its structures.
        calculator: made for this.
        chosen: processes, and structures in flight.
    """

    manifest: Manifest
    found: Scanned
    calculator: BaseCalculator
    chosen: Chosen


@contextmanager
def describe(batch: Batch) -> Iterator[Described]:
    """What the batch is; nothing is written into its folder.

    Raises:
        ConfigError, StructureError: as :func:`run_batch`.
    """
    with scanned(batch.structures()) as found:
        calculator = batch.make()
        has_flight = all_tasks()[batch.task].flight(calculator, batch.config, n_slots=1) is not None
        chosen = choose(batch.how, calculator, found.n_atoms, found.largest, has_flight=has_flight)
        yield Described(_manifest(batch, found, calculator), found, calculator, chosen)


def _manifest(batch: Batch, found: Scanned, calculator: BaseCalculator) -> Manifest:
    stored = Manifest.read(batch.folder).shards if manifest_file(batch.folder).exists() else 1
    settings: dict[str, Any] = {
        **batch.config.model_dump(mode="json"),
        "allow_close_atoms": batch.how.allow_close_atoms,
    }
    return Manifest(
        task=batch.task,
        settings=settings,
        model=model_of(calculator),
        inputs=found.digest,
        n_structures=len(found.n_atoms),
        n_atoms=int(found.n_atoms.sum()),
        shards=stored if batch.how.shards is None else batch.how.shards,
    )


def _job(batch: Batch, described: Described) -> tuple[Job, int]:
    """What is the same for all structures, and the number of processes; without any, the calculator is used again."""
    chosen, n_atoms, calculator = described.chosen, described.manifest.n_atoms, described.calculator
    announce(calculator, n_atoms)  # so that what is compiled is compiled once
    job = Job(
        task=batch.task,
        config=batch.config,
        make=batch.make if chosen.processes or batch.how.scheduler else lambda: calculator,
        model=described.manifest.model,
        folder=batch.folder,
        allow_close_atoms=batch.how.allow_close_atoms,
        threads=1 if batch.how.scheduler else chosen.threads,
        together=chosen.together,
        n_atoms=n_atoms,
    )
    return job, chosen.processes


def _chosen_shards(shards: int, shard: int | None) -> list[int]:
    if shard is not None and not 0 <= shard < shards:
        raise ConfigError(f"there is no shard {shard}: the batch has {shards}, from 0 to {shards - 1}")
    return list(range(shards)) if shard is None else [shard]


def _mine(folder: Path, writers: Mapping[int, ShardWriter], n_structures: int) -> NDArray[np.bool_]:
    """(n_structures,) which belong to the shards of this run."""
    return np.fromiter((item.shard in writers for item in items_of(folder)), dtype=bool, count=n_structures)


def _write(finished: Finished, item: Item, writers: Mapping[int, ShardWriter], progress: Progress) -> None:
    outcome = finished.outcome
    writers[item.shard].write(finished.claim.place, item, outcome, wall_time_s=finished.wall_time_s)
    progress.states[outcome.state] += 1
    if outcome.state == "failed":
        progress.reasons[outcome.reason] += 1


def _claims(batch: Batch, wanted: NDArray[np.bool_], open_items: dict[int, Item]) -> Iterator[Claim]:
    """The structures that are to be computed, read when they are needed; their items are put into ``open_items``.

    Raises:
        ConfigError: the input changed since the run began.
    """
    structures = batch.structures()
    for place, item in enumerate(items_of(batch.folder)):
        given = next(structures, None)
        if given is None:
            raise ConfigError(
                f"{len(wanted) - place} structures of the input are gone since the run began; put them back"
            )
        if not wanted[place]:
            continue
        if not given.digest.startswith(item.digest):
            raise ConfigError(f"{given.where} changed while the batch ran; put it back, or choose a new --output")
        open_items[place] = item
        yield Claim(place, given.identifier, given.content, given.settings)


def _finished(claims: Iterator[Claim], job: Job, processes: int, how: BatchConfig) -> Iterator[Finished]:
    if how.scheduler is not None:
        return _in_cluster(claims, job, how.scheduler, processes)
    if processes == 0:
        return compute_here(claims, engine_of(job))
    timeout_s = None if how.timeout_minutes is None else 60.0 * how.timeout_minutes
    return in_processes(claims, job, processes=processes, timeout_s=timeout_s)


def _in_cluster(claims: Iterator[Claim], job: Job, scheduler: str, processes: int) -> Iterator[Finished]:
    try:
        from alignn_ff.batch.computing.dask_cluster import in_cluster
    except ImportError as error:
        raise ConfigError(
            f"--scheduler needs Dask ({error}); install it with `pip install 'alignn-ff[dask]'`"
        ) from error
    return in_cluster(claims, job, scheduler=scheduler, processes=processes or usable_cores())
