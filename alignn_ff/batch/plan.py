"""What a batch will cost, before it runs: some structures of middle size are computed, the rest follows by atoms."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.batch.inputs import Given
from alignn_ff.batch.manifest import Item, Manifest
from alignn_ff.batch.run import Batch, describe
from alignn_ff.batch.worker import Claim, Job, Worker
from alignn_ff.properties.work import EvaluatesMany

SAMPLES: Final = 3


@dataclass(frozen=True)
class Plan:
    """What a batch will cost.

    Attributes:
        n_structures, n_atoms, largest: of the input; ``largest`` is the number of atoms of its largest structure.
        shards: number of parts.
        sampled: ids of the structures that were computed.
        evaluations: expected number; None if no sample succeeded.
        hours: expected time of one process with the present threads; None if no sample succeeded.
        memory_bytes: forecast for one evaluation of the largest structure; None where no law is known.
    """

    n_structures: int
    n_atoms: int
    largest: int
    shards: int
    sampled: tuple[str, ...]
    evaluations: int | None
    hours: float | None
    memory_bytes: int | None


def plan(batch: Batch) -> Plan:
    """Compute a few structures and extrapolate; the numbers of the samples are not kept.

    Raises:
        ConfigError, StructureError: as :func:`alignn_ff.batch.run_batch`.
    """
    manifest, items = describe(batch)
    places = _samples(items)
    largest = max(range(len(items)), key=lambda place: items[place].n_atoms)
    chosen = {place: given for place, given in enumerate(batch.inputs()) if place in {*places, largest}}
    calculator, count = _counted(batch.make())
    sampled = _compute(batch, manifest, calculator, {place: chosen[place] for place in places}, count)
    per_structure = count() / len(sampled.identifiers) if sampled.identifiers else None
    content = chosen[largest].content
    return Plan(
        n_structures=len(items),
        n_atoms=manifest.n_atoms,
        largest=items[largest].n_atoms,
        shards=manifest.shards,
        sampled=sampled.identifiers,
        evaluations=None if per_structure is None else round(per_structure * len(items)),
        hours=sampled.seconds / sampled.n_atoms * manifest.n_atoms / 3600 if sampled.identifiers else None,
        memory_bytes=_memory(calculator, content) if isinstance(content, Atoms) else None,
    )


class _Sampled(NamedTuple):
    """The samples that were computed: ids, atoms in all, time."""

    identifiers: tuple[str, ...] = ()
    n_atoms: int = 0
    seconds: float = 0.0


def _compute(
    batch: Batch,
    manifest: Manifest,
    calculator: BaseCalculator,
    samples: Mapping[int, Given],
    count: Callable[[], int],
) -> _Sampled:
    """Compute the samples; files of their task are not kept."""
    found = _Sampled()
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Job(batch.task, batch.config, lambda: calculator, manifest.model, Path(folder)))
        for place, given in samples.items():
            before, began = count(), time.perf_counter()
            outcome = worker(Claim(place, given.identifier, given.content))
            if outcome.state != "failed" and count() > before:
                seconds = found.seconds + time.perf_counter() - began
                found = _Sampled((*found.identifiers, given.identifier), found.n_atoms + given.n_atoms, seconds)
    return found


def _samples(items: Sequence[Item]) -> list[int]:
    """Places of structures at the quarters of the order by size."""
    order = sorted((place for place, item in enumerate(items) if item.n_atoms), key=lambda place: items[place].n_atoms)
    wanted = [len(order) * (k + 1) // (SAMPLES + 1) for k in range(SAMPLES)]
    return [order[k] for k in dict.fromkeys(wanted) if k < len(order)]


def _counted(calculator: BaseCalculator) -> tuple[BaseCalculator, Callable[[], int]]:
    """A calculator that counts its evaluations."""
    total = [0]
    one: Callable[..., None] = calculator.calculate

    def calculate(*arguments: Any, **named: Any) -> None:
        total[0] += 1
        one(*arguments, **named)

    vars(calculator)["calculate"] = calculate
    if isinstance(calculator, EvaluatesMany):
        many = calculator.evaluate_many

        def evaluate_many(structures: Any) -> Any:
            total[0] += len(structures)
            return many(structures)

        vars(calculator)["evaluate_many"] = evaluate_many
    return calculator, lambda: total[0]


def _memory(calculator: BaseCalculator, atoms: Atoms) -> int | None:
    """Forecast of the peak of one evaluation."""
    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.errors import AlignnError
    from alignn_ff.execution.memory import forecast_bytes
    from alignn_ff.graph import expected_size, system_from_atoms

    if not isinstance(calculator, AlignnCalculator):
        return None
    potential = calculator.potential
    try:
        size = expected_size(system_from_atoms(atoms), potential.header.graph)
    except AlignnError:
        return None
    itemsize = potential.dtype.itemsize
    return forecast_bytes(potential.backend, potential.header.model, size, limits=potential.limits, itemsize=itemsize)
