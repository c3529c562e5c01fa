"""The loop of a dynamics run: step, guards, record, outputs, restart files, the end."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import AlignnError
from alignn_ff.interrupt import StopRequest, stop_on_signals
from alignn_ff.io import sole_writer
from alignn_ff.md.config import MDConfig
from alignn_ff.md.files import MDFiles, Outputs, write_md_end
from alignn_ff.md.guards.checks import Violation, broken_atoms
from alignn_ff.md.guards.table import GuardMonitor
from alignn_ff.md.harvest import Watch
from alignn_ff.md.result import MDResult
from alignn_ff.md.run.ending import Ending
from alignn_ff.md.run.propagator import Propagator, StageProgress
from alignn_ff.md.run.record import RunRecord
from alignn_ff.md.run.restart import MDHead, RestartContent, constraints_to_json, write_restart
from alignn_ff.md.run.stopping import MDInterruptedError, guard_error
from alignn_ff.runs.model_record import ModelRecord, software_versions
from alignn_ff.runs.uncertainty import gives_deviations
from alignn_ff.trajectory.frame_copy import bare_copy
from alignn_ff.trajectory.snapshot import Snapshot

log = logging.getLogger(__name__)

Observer = Callable[[Snapshot], None]


class Motion(Protocol):
    """What a restart file holds of atoms that move: a :class:`Propagator`, or its like."""

    atoms: Atoms
    rng: np.random.Generator
    progress: StageProgress

    def state(self) -> dict[str, NDArray[np.float64]]:
        """State of the integrator in addition to its atoms."""


Moves = TypeVar("Moves", bound=Motion)


@dataclass
class Run(Generic[Moves]):
    """A run in progress: everything that :func:`drive` advances.

    Attributes:
        config: its settings.
        propagator: moves the atoms.
        monitor: calls the guards.
        record: collects the data of the summary.
        model: that gives the forces.
        watch: compares the uncertainty with a threshold.
        files: its outputs; None writes nothing.
        kept: lengths of the files when the restart file was written; None for a new run.
        command: that started it.
        ending: may end it before its last step; None makes all steps.
    """

    config: MDConfig
    propagator: Moves
    monitor: GuardMonitor
    record: RunRecord
    model: ModelRecord
    watch: Watch
    files: MDFiles | None = None
    kept: Mapping[str, int] | None = None
    command: str | None = None
    ending: Ending | None = None

    @property
    def ended_early(self) -> bool:
        """Whether the ending is reached."""
        return self.ending is not None and self.ending.reached


def drive(run: Run[Propagator], on_step: Observer | None) -> MDResult:
    """Make the remaining steps, as far as no ending is reached, and write the outputs."""
    propagator, first_fs = run.propagator, run.propagator.snapshot().time_fs
    began = time.perf_counter()
    with ExitStack() as stack:
        stop, outputs = StopRequest(), None
        if run.files is not None:
            stack.enter_context(sole_writer(run.files.all))
            stop = stack.enter_context(stop_on_signals())
            outputs = stack.enter_context(_outputs(run, run.files))
        checkpointer = Checkpointer(run, outputs, began)
        if run.kept is None:
            _observe(propagator.snapshot(), run, outputs, on_step)
            checkpointer.save()
        while not (propagator.finished or run.ended_early):
            _observe(_advance(run), run, outputs, on_step)
            if stop() or checkpointer.is_due():
                checkpointer.save()
            if stop() and run.files is not None and stop.signal is not None:
                raise MDInterruptedError(stop.signal, propagator.progress.step, run.files)
        wall_time_s = time.perf_counter() - began
        checkpointer.save()
        result = result_of(run, wall_time_s=wall_time_s, first_fs=first_fs)
        if run.files is not None:
            write_md_end(run.files, result)
    log.info("%d of %d steps in %.1f s", result.n_steps, run.config.steps, result.wall_time_s)
    return result


def _outputs(run: Run[Propagator], files: MDFiles) -> Outputs:
    uncertain = gives_deviations(run.propagator.atoms.calc)
    return Outputs(files, run.config, watch=run.watch, kept=run.kept, uncertain=uncertain)


def _observe(snapshot: Snapshot, run: Run[Propagator], outputs: Outputs | None, on_step: Observer | None) -> None:
    found = run.monitor.check(snapshot)
    if found is None or found[0] == "uncertainty":  # a structure that is too uncertain to go on is worth a label
        run.watch.see(snapshot)
    if found is not None:
        raise guard_error(snapshot, *found, config=run.config, files=run.files)
    run.record.add(snapshot)
    if outputs is not None:
        outputs.write(snapshot)
    if run.ending is not None:
        run.ending.see(snapshot)
    if on_step is not None:
        on_step(snapshot)


def _advance(run: Run[Propagator]) -> Snapshot:
    """One step; a structure that becomes invalid during the step is a failed simulation."""
    try:
        return run.propagator.advance()
    except (AlignnError, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        broken = broken_atoms(run.propagator.atoms)
        if not isinstance(error, AlignnError) and not broken.size:
            raise
        snapshot, violation = _wreck(run.propagator), Violation(str(error), atoms=tuple(broken.tolist()))
        raise guard_error(snapshot, "structure", violation, config=run.config, files=run.files) from error


def _wreck(propagator: Propagator) -> Snapshot:
    """The snapshot of a step that failed: the structure at that point, and NaN for all computed values."""
    unknown, atoms = float("nan"), propagator.atoms
    return Snapshot(
        step=propagator.progress.step + 1,
        time_fs=propagator.time_fs,
        atoms=atoms,
        forces_eV_per_A=np.full((len(atoms), 3), unknown),
        potential_eV=unknown,
        kinetic_eV=unknown,
        temperature_K=unknown,
        conserved_eV=unknown,
        stage=propagator.progress.stage,
    )


class Checkpointer(Generic[Moves]):
    """Writes restart files when they are due: after a number of steps or minutes."""

    def __init__(self, run: Run[Moves], outputs: Outputs | None, began: float) -> None:
        self._run, self._outputs, self._began = run, outputs, began
        self._saved_at, self._versions = time.monotonic(), software_versions()

    def is_due(self) -> bool:
        """Whether a restart file is due."""
        config, step = self._run.config, self._run.propagator.progress.step
        late = time.monotonic() - self._saved_at > 60.0 * config.checkpoint_minutes
        return step % config.checkpoint_every == 0 or late

    def save(self) -> None:
        """Flush all outputs to the disk, then write the restart file with their lengths."""
        run, propagator = self._run, self._run.propagator
        if run.files is None or self._outputs is None:
            return
        head = MDHead(
            config=run.config,
            progress=propagator.progress,
            rng=dict(propagator.rng.bit_generator.state),
            baseline=run.monitor.start,
            record=run.record.state(wall_time_s=time.perf_counter() - self._began),
            model=run.model,
            versions=self._versions,
            outputs=self._outputs.sync(),
            prefix=run.files.prefix.name,
            command=run.command,
            constraints=constraints_to_json(propagator.atoms),
            watch=run.watch.state,
            ending={} if run.ending is None else run.ending.state,
        )
        write_restart(run.files.restart, RestartContent(head, propagator.atoms, propagator.state()))
        self._saved_at = time.monotonic()


def result_of(run: Run[Moves], *, wall_time_s: float, first_fs: float) -> MDResult:
    """The result of a run that has ended, of which this session began at ``first_fs``."""
    assert run.record.first_total_eV is not None
    stages = run.record.results()
    return MDResult(
        atoms=bare_copy(run.propagator.atoms),
        config=run.config,
        stages=stages,
        total_energy_first_eV=run.record.first_total_eV,
        total_energy_last_eV=run.record.last_total_eV,
        wall_time_s=run.record.earlier_wall_time_s + wall_time_s,
        session_time_fs=sum(stage.time_fs for stage in stages) - first_fs,
        session_wall_time_s=wall_time_s,
        restarts=tuple(run.record.restarts),
        model=run.model,
        command=run.command,
        outside=tuple(run.monitor.start.outside.values()),
        uncertainty=run.watch.state,
    )
