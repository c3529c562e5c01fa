"""What a batch will cost, before it runs: some structures of middle size are computed, the rest follows by atoms."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from alignn_ff.batch.choice import memory_bytes
from alignn_ff.batch.computing.worker import Claim, Job, Worker
from alignn_ff.batch.folder.manifest import Manifest
from alignn_ff.batch.inputs import Given
from alignn_ff.batch.run import Batch, Described, describe

SAMPLES: Final = 3


@dataclass(frozen=True)
class Plan:
    """What a batch will cost.

    Attributes:
        n_structures, n_atoms, largest: of the input; ``largest`` is the number of atoms of its largest structure.
        shards: number of parts.
        processes, together: processes, and structures in flight in each.
        sampled: ids of the structures that were computed.
        evaluations: expected number; None if no sample succeeded, or the task does not count them.
        hours: expected time of one process that computes one structure after another; None if no sample succeeded.
        memory_bytes: forecast for one evaluation of the largest structure; None where no law is known.
    """

    n_structures: int
    n_atoms: int
    largest: int
    shards: int
    processes: int
    together: int
    sampled: tuple[str, ...]
    evaluations: int | None
    hours: float | None
    memory_bytes: int | None


def plan(batch: Batch) -> Plan:
    """Compute a few structures and extrapolate; the numbers of the samples are not kept.

    Raises:
        ConfigError, StructureError: as :func:`alignn_ff.batch.run_batch`.
    """
    with describe(batch) as described:
        return _plan(batch, described)


def _plan(batch: Batch, described: Described) -> Plan:
    manifest, n_atoms, calculator = described.manifest, described.found.n_atoms, described.calculator
    places = _samples(n_atoms)
    chosen = {place: given for place, given in enumerate(batch.structures()) if place in places}
    sampled = _compute(batch, manifest, calculator, {place: chosen[place] for place in places})
    n_sampled = len(sampled.identifiers)
    counted = sampled.n_evaluations is not None and n_sampled > 0
    return Plan(
        n_structures=len(n_atoms),
        n_atoms=manifest.n_atoms,
        largest=int(n_atoms.max()),
        shards=manifest.shards,
        processes=described.chosen.processes,
        together=described.chosen.together,
        sampled=sampled.identifiers,
        evaluations=round((sampled.n_evaluations or 0) / n_sampled * len(n_atoms)) if counted else None,
        hours=sampled.seconds / sampled.n_atoms * manifest.n_atoms / 3600 if n_sampled else None,
        memory_bytes=None if described.found.largest is None else memory_bytes(calculator, described.found.largest),
    )


class _Sampled(NamedTuple):
    """The samples that were computed: ids, atoms in all, time, evaluations (None if the task does not count them)."""

    identifiers: tuple[str, ...] = ()
    n_atoms: int = 0
    seconds: float = 0.0
    n_evaluations: int | None = 0


def _compute(batch: Batch, manifest: Manifest, calculator: BaseCalculator, samples: Mapping[int, Given]) -> _Sampled:
    """Compute the samples; files of their task are not kept."""
    found = _Sampled()
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Job(batch.task, batch.config, lambda: calculator, manifest.model, Path(folder)))
        for place, given in samples.items():
            began = time.perf_counter()
            outcome = worker(Claim(place, given.identifier, given.content, given.settings))
            if outcome.state == "failed":
                continue
            before, now = found.n_evaluations, outcome.n_evaluations
            found = _Sampled(
                (*found.identifiers, given.identifier),
                found.n_atoms + given.n_atoms,
                found.seconds + time.perf_counter() - began,
                None if before is None or now is None else before + now,
            )
    return found


def _samples(n_atoms: NDArray[np.int64]) -> list[int]:
    """Places of structures at the quarters of the order by size."""
    order = np.argsort(n_atoms, kind="stable")[np.count_nonzero(n_atoms == 0) :]
    wanted = [len(order) * (k + 1) // (SAMPLES + 1) for k in range(SAMPLES)]
    return [int(order[k]) for k in dict.fromkeys(wanted) if k < len(order)]
