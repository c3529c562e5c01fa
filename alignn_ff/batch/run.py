"""A batch: structures in, files in a folder out; the same call again goes on where the last one was killed."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.batch.choice import Chosen, choose
from alignn_ff.batch.computing.engines import compute_here, engine_of
from alignn_ff.batch.computing.processes import in_processes
from alignn_ff.batch.computing.worker import Claim, Finished, Job, MakeCalculator, announce, model_of
from alignn_ff.batch.config import BatchConfig
from alignn_ff.batch.folder.manifest import Item, Manifest, agree, items_of, manifest_file, scan
from alignn_ff.batch.folder.shard import ShardWriter, shard_paths
from alignn_ff.batch.folder.status import BatchStatus, status_of
from alignn_ff.batch.inputs import Inputs
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
    described = describe(batch)
    manifest = described.manifest
    agree(batch.folder, manifest, described.items)
    job, processes = _job(batch, described)
    del described
    chosen = _chosen_shards(manifest.shards, shard)
    with ExitStack() as stack:
        stack.enter_context(sole_writer(shard_paths(batch.folder, k).records for k in chosen))
        writers = {k: stack.enter_context(ShardWriter(shard_paths(batch.folder, k))) for k in chosen}
        _compute(batch, job, writers, processes, retry_failed=retry_failed, notify=notify or (lambda _: None))
    return status_of(batch.folder, shards=chosen)


class Described(NamedTuple):
    """What a batch is.

    Attributes:
        manifest: of its folder.
        items: its structures.
        calculator: made for this.
        chosen: processes, and structures in flight.
        largest: the largest structure; None if none can be read.
    """

    manifest: Manifest
    items: Sequence[Item]
    calculator: BaseCalculator
    chosen: Chosen
    largest: Atoms | None


def describe(batch: Batch) -> Described:
    """What the batch is; nothing is written.

    Raises:
        ConfigError, StructureError: as :func:`run_batch`.
    """
    known = all_tasks()
    if batch.task not in known:
        raise ConfigError(f"there is no task {batch.task!r}; there are {', '.join(known)}")
    items, digest, largest = scan(batch.inputs())
    calculator = batch.make()
    stored = Manifest.read(batch.folder).shards if manifest_file(batch.folder).exists() else 1
    settings: dict[str, Any] = {
        **batch.config.model_dump(mode="json"),
        "allow_close_atoms": batch.how.allow_close_atoms,
    }
    manifest = Manifest(
        task=batch.task,
        settings=settings,
        model=model_of(calculator),
        inputs=digest,
        n_structures=len(items),
        n_atoms=sum(item.n_atoms for item in items),
        shards=stored if batch.how.shards is None else batch.how.shards,
    )
    has_flight = known[batch.task].flight(calculator, batch.config, n_slots=1) is not None
    chosen = choose(batch.how, calculator, items, largest, has_flight=has_flight)
    return Described(manifest, items, calculator, chosen, largest)


def _job(batch: Batch, described: Described) -> tuple[Job, int]:
    """What is the same for all structures, and the number of processes; without any, the calculator is used again."""
    chosen, n_atoms = described.chosen, described.manifest.n_atoms
    announce(described.calculator, n_atoms)  # so that what is compiled is compiled once
    job = Job(
        task=batch.task,
        config=batch.config,
        make=batch.make if chosen.processes else lambda: described.calculator,
        model=described.manifest.model,
        folder=batch.folder,
        allow_close_atoms=batch.how.allow_close_atoms,
        threads=chosen.threads,
        together=chosen.together,
        n_atoms=n_atoms,
    )
    return job, chosen.processes


def _chosen_shards(shards: int, shard: int | None) -> list[int]:
    if shard is not None and not 0 <= shard < shards:
        raise ConfigError(f"there is no shard {shard}: the batch has {shards}, from 0 to {shards - 1}")
    return list(range(shards)) if shard is None else [shard]


def _compute(
    batch: Batch,
    job: Job,
    writers: dict[int, ShardWriter],
    processes: int,
    *,
    retry_failed: bool,
    notify: Notify,
) -> None:
    wanted = {place: item for place, item in enumerate(items_of(batch.folder)) if item.shard in writers}
    n_all = len(wanted)
    for place in [place for place, item in wanted.items() if _is_over(writers[item.shard], place, retry_failed)]:
        del wanted[place]
    progress = Progress(n_all, n_all - len(wanted))
    notify(progress)
    if not wanted:
        return
    for finished in _finished(_claims(batch, wanted), job, processes, batch.how):
        place, outcome = finished.claim.place, finished.outcome
        item = wanted.pop(place)
        writers[item.shard].write(place, item, outcome, wall_time_s=finished.wall_time_s)
        progress.states[outcome.state] += 1
        if outcome.state == "failed":
            progress.reasons[outcome.reason] += 1
        notify(progress)


def _is_over(writer: ShardWriter, place: int, retry_failed: bool) -> bool:
    record = writer.latest.get(place)
    return record is not None and not (retry_failed and record.state == "failed")


def _claims(batch: Batch, wanted: dict[int, Item]) -> Iterator[Claim]:
    """The structures that are to be computed, read when they are needed.

    Raises:
        ConfigError: the input changed since the run began.
    """
    left = set(wanted)
    for place, given in enumerate(batch.inputs()):
        if place not in left:
            continue
        left.discard(place)
        if not given.digest.startswith(wanted[place].digest):
            raise ConfigError(f"{given.where} changed while the batch ran; put it back, or choose a new --output")
        yield Claim(place, given.identifier, given.content)
    if left:
        raise ConfigError(f"{len(left)} structures of the input are gone since the run began; put them back")


def _finished(claims: Iterator[Claim], job: Job, processes: int, how: BatchConfig) -> Iterator[Finished]:
    if processes == 0:
        return compute_here(claims, engine_of(job))
    timeout_s = None if how.timeout_minutes is None else 60.0 * how.timeout_minutes
    return in_processes(claims, job, processes=processes, timeout_s=timeout_s)
