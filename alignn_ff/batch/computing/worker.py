"""What computes one structure: the same in this process and in others."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.batch.flight import Flight
from alignn_ff.batch.outcome import Outcome, failure
from alignn_ff.batch.tasks import all_tasks
from alignn_ff.errors import AlignnError, ConfigError
from alignn_ff.io import check_matter
from alignn_ff.runs.config import RunConfig
from alignn_ff.runs.model_record import describe_model
from alignn_ff.trajectory.frame_copy import bare_copy

EVALUATIONS: Final = 10
"""Evaluations of a structure that are expected, for the choice of a backend."""

MakeCalculator = Callable[[], BaseCalculator]
"""Makes a calculator; picklable, since each process calls it once."""


class Finished(NamedTuple):
    """A structure that ended."""

    claim: "Claim"
    outcome: Outcome
    wall_time_s: float


class Claim(NamedTuple):
    """A structure that is computed.

    Attributes:
        place: in the input, from 0.
        identifier: of the structure.
        content: the structure, or why it cannot be read.
        settings: of its task that differ from those of the batch.
    """

    place: int
    identifier: str
    content: Atoms | AlignnError
    settings: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Job:
    """What is the same for all structures of a batch; it travels to each process.

    Attributes:
        task: a key of ``all_tasks()``.
        config: of the task.
        make: gives the calculator.
        model: what :func:`model_of` has to give for it.
        folder: of the batch.
        allow_close_atoms: whether atoms that are too close are computed.
        threads: of a process; None: as many as there are.
        together: number of structures in flight in a process.
        n_atoms: of all structures of the batch.
    """

    task: str
    config: RunConfig
    make: MakeCalculator
    model: Mapping[str, Any]
    folder: Path
    allow_close_atoms: bool = False
    threads: int | None = None
    together: int = 1
    n_atoms: int = 0


class Worker:
    """Computes structures, with the model loaded once.

    Raises:
        ConfigError: the model is not that of the batch any more.
    """

    def __init__(self, job: Job) -> None:
        if job.threads is not None:
            import torch

            torch.set_num_threads(job.threads)
        self._job, self._calculator = job, job.make()
        self._task = all_tasks()[job.task]  # after make, whose module may add rows
        announce(self._calculator, job.n_atoms)
        found = model_of(self._calculator)
        if found != dict(job.model):
            raise ConfigError(f"the model has changed while the batch ran: it was {dict(job.model)}, now it is {found}")

    @property
    def calculator(self) -> BaseCalculator:
        """Of this worker."""
        return self._calculator

    def refusal(self, claim: Claim) -> Outcome | None:
        """Why a structure is not computed; None if it is."""
        if not isinstance(claim.content, Atoms):
            return failure(claim.content, "reading")
        try:
            check_matter(claim.content, claim.identifier, allow_close_atoms=self._job.allow_close_atoms)
        except AlignnError as error:
            return failure(error, "structure")
        return None

    def __call__(self, claim: Claim) -> Outcome:
        """The outcome of a structure; its errors become failures.

        Raises:
            OutputError: the disk is full or failing.
        """
        refused = self.refusal(claim)
        if refused is not None:
            return refused
        assert isinstance(claim.content, Atoms)
        try:
            outcome = self._task.compute(claim.content, self._calculator, *self.given(claim))
        except Exception as error:  # noqa: BLE001 - whatever one structure raises must not end the others
            return failure(error, self._job.task)
        return whole(outcome)

    def given(self, claim: Claim) -> tuple[RunConfig, Path]:
        """The config of a structure, and the prefix of its files."""
        config = self._job.config.model_copy(update=dict(claim.settings))
        return config, self._job.folder / "files" / f"{claim.place:06d}"

    def flight(self, n_slots: int) -> Flight | None:
        """Structures that share passes; None where those of the task do not."""
        return self._task.flight(self._calculator, self._job.config, n_slots=n_slots)


def whole(outcome: Outcome) -> Outcome:
    """An outcome with a structure that holds its results, and no calculator."""
    return outcome if outcome.atoms is None else replace(outcome, atoms=bare_copy(outcome.atoms))


def announce(calculator: BaseCalculator, n_atoms: int) -> None:
    """Let a model of this package compile a faster backend where so many atoms are worth it."""
    from alignn_ff.calculator import AlignnCalculator

    if isinstance(calculator, AlignnCalculator) and not calculator.resident:
        calculator.potential.expect(EVALUATIONS, n_atoms=n_atoms)


def model_of(calculator: BaseCalculator) -> dict[str, Any]:
    """What decides the numbers of a calculator beside its device."""
    record = describe_model(calculator)
    return {
        "name": record.name if record.sha256 is None else Path(record.name).name,
        "sha256": record.sha256,
        "dtype": record.dtype,
        "dispersion": None if record.dispersion is None else record.dispersion.name,
    }


def quiet_child() -> None:
    """In a process that computes: warnings about single structures are in their records, not on the terminal."""
    logging.getLogger("alignn_ff").setLevel(logging.ERROR)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
