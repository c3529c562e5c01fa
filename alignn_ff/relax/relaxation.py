"""Relaxation: move atoms, and the cell if chosen, until no force exceeds a limit.

In: a structure, a calculator, a :class:`RelaxConfig`. Out: a :class:`RelaxResult`. The optimisers are ASE's.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.domain import Finding
from alignn_ff.errors import AlignnError, ConfigError, SimulationError
from alignn_ff.io import sole_writer
from alignn_ff.relax.ase_optimizers import NoLowerEnergyError
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.domain import judge
from alignn_ff.relax.result import RelaxResult, RelaxStep
from alignn_ff.relax.setup import Relaxation
from alignn_ff.relax.state import RelaxState, put_back, write_state
from alignn_ff.relax.strain import quiet_logarithm
from alignn_ff.runs.domain import findings_of
from alignn_ff.runs.model_record import check_same_dispersion, describe_model
from alignn_ff.runs.uncertainty import NO_DEVIATIONS, Deviations, deviations_of
from alignn_ff.trajectory.extended_xyz import frame_text, length_of_frames
from alignn_ff.trajectory.frame_copy import bare_copy
from alignn_ff.trajectory.record_file import RecordFile

logger = logging.getLogger(__name__)

StepObserver = Callable[[RelaxStep], None]

STATE_EVERY: Final = 50
"""Steps between states on disk, for runs that are killed."""

STUCK: Final = "no lower energy found along the search direction, within rounding"


@dataclass(frozen=True)
class RelaxRecords:
    """Files that a relaxation writes while it runs.

    Attributes:
        trajectory: extended XYZ file of every step.
        state: restart file; at the end it exists only if the relaxation did not converge and further steps make sense.
        run: further content of the restart file that the caller needs to resume, such as model and files.
    """

    trajectory: Path | None = None
    state: Path | None = None
    run: Mapping[str, Any] | None = None


def relax(
    atoms: Atoms,
    calculator: BaseCalculator,
    *,
    config: RelaxConfig,
    records: RelaxRecords | None = None,
    on_step: StepObserver | None = None,
    stop: Callable[[], str | None] | None = None,
) -> RelaxResult:
    """Relax a copy of a structure; its constraints are obeyed, and fixed atoms keep their fractional coordinates.

    Args:
        atoms: start; not changed.
        calculator: any ASE calculator.
        config: optimiser, cell, symmetry, limits. The limit on forces also applies to those on the cell,
            (volume · stress)/n_atoms.
        records: what is written while it runs.
        on_step: called with every step, including the start.
        stop: called after every step; if it returns a reason, the relaxation ends there.

    Raises:
        StructureError: the structure is invalid, has no cell that can relax, or no symmetry that can be kept.
        SimulationError: energy or forces of the start are not finite numbers. If a later step fails, the cell
            collapses, or leaves the training data of the model, the result holds the step before (``stopped``).
    """
    return _run(Relaxation(atoms, calculator, config), records or RelaxRecords(), on_step, stop)


def resume(
    state: RelaxState,
    calculator: BaseCalculator,
    *,
    records: RelaxRecords | None = None,
    on_step: StepObserver | None = None,
    stop: Callable[[], str | None] | None = None,
    max_steps: int | None = None,
) -> RelaxResult:
    """Resume a relaxation, with the same numbers as without the stop (same machine, threads and model).

    Args:
        state: of the relaxation.
        calculator: as before.
        records: as before; the trajectory is cut back to the state.
        on_step: called with every new step.
        stop: as for :func:`relax`.
        max_steps: largest number of steps of the whole relaxation, those before the stop included; None means that of
            the config.

    Raises:
        ConfigError: the calculator has a different model than before, or all steps are done.
        StructureError, SimulationError: as :func:`relax`.
    """
    model, done = describe_model(calculator), state.steps[-1].step
    sha256 = model.sha256
    if sha256 != state.model.sha256:
        raise ConfigError(
            f"the relaxation began with a different model (sha256 {state.model.sha256}, now {sha256}), and a restart "
            "would mix two energies. Start a new relaxation from the structure that was written"
        )
    check_same_dispersion(state.model, model)
    most = state.config.max_steps if max_steps is None else max_steps
    if most <= done:
        raise ConfigError(f"the relaxation is at step {done} of at most {most}; allow more steps (--steps)")
    config = state.config.model_copy(update={"max_steps": most})
    relaxation = Relaxation(state.start, calculator, config)
    put_back(state, relaxation.atoms, relaxation.optimizer)
    relaxation.begin_step()
    relaxation.steps = list(state.steps)
    return _run(relaxation, records or RelaxRecords(), on_step, stop, further_steps=most - done)


def _run(
    relaxation: Relaxation,
    records: RelaxRecords,
    on_step: StepObserver | None,
    stop: Callable[[], str | None] | None,
    *,
    further_steps: int | None = None,
) -> RelaxResult:
    began = time.perf_counter()
    with ExitStack() as stack, quiet_logarithm():
        stack.enter_context(sole_writer(path for path in (records.trajectory, records.state) if path is not None))
        observers = list(_recorders(stack, relaxation, records))
        if on_step is not None:
            observers.append(on_step)
        most = relaxation.config.max_steps if further_steps is None else further_steps
        end = _advance(relaxation, observers, stop, most)
    last = relaxation.steps[-1]
    _end_state(relaxation, records, resumable=not (last.converged or end.stopped))
    logger.info("relaxation: %d steps, converged: %s", last.step, last.converged)
    return RelaxResult(
        atoms=end.atoms,
        config=relaxation.config,
        steps=tuple(relaxation.steps),
        held_strains=() if relaxation.space is None else relaxation.space.held,
        space_group_before=relaxation.group_before,
        space_group_after=relaxation.space_group(end.atoms),
        ended_by=end.reason or (STUCK if relaxation.stuck else None),
        wall_time_s=time.perf_counter() - began,
        model=describe_model(relaxation.calculator),
        stopped=end.stopped,
        outside=end.outside,
        deviations=_deviations(relaxation, end),
    )


class _End(NamedTuple):
    """How the steps of a relaxation ended: the last structure that was admitted, and why there are no more."""

    atoms: Atoms
    outside: tuple[Finding, ...]
    reason: str | None = None
    stopped: bool = False


def _deviations(relaxation: Relaxation, end: _End) -> Deviations:
    """Standard deviations of the last structure, which the calculator has just evaluated."""
    if end.stopped:
        return NO_DEVIATIONS
    relaxed = end.atoms.copy()
    relaxed.calc = relaxation.calculator
    return deviations_of(relaxed)


def _advance(
    relaxation: Relaxation, observers: Sequence[StepObserver], stop: Callable[[], str | None] | None, most: int
) -> _End:
    """Make the steps; the last one that is admitted stays, whatever happens in the next."""
    relaxation.atoms.get_forces()  # a resumed relaxation is not at its start
    end, guard = _End(bare_copy(relaxation.atoms), findings_of(relaxation.calculator)), relaxation.guard
    try:
        for step in _steps(relaxation, most):
            findings = findings_of(relaxation.calculator)
            admitted, reason = judge(guard, step, findings)
            if admitted is None:
                return end._replace(reason=reason, stopped=True)
            relaxation.steps.append(admitted)
            end = _End(bare_copy(relaxation.atoms), findings, reason, stopped=reason is not None)
            for observe in observers:
                observe(admitted)
            if reason is None and stop is not None and not step.converged:
                end = end._replace(reason=stop())
            if end.reason is not None:
                return end
    except SimulationError as error:
        if not relaxation.steps:
            raise
        return end._replace(reason=str(error), stopped=True)
    return end


def _steps(relaxation: Relaxation, max_steps: int) -> Iterator[RelaxStep]:
    """The start, unless a restart already has it, and every step; errors of the model end the simulation."""
    optimizer = relaxation.optimizer
    steps = optimizer.irun(fmax=relaxation.config.fmax_eV_per_A, steps=max_steps)
    while True:
        try:
            converged = next(steps)
        except StopIteration:
            return
        except NoLowerEnergyError:
            relaxation.stuck = True
            return
        except AlignnError as error:
            raise SimulationError(f"the relaxation stopped at step {optimizer.nsteps + 1}: {error}") from error
        if not relaxation.steps or optimizer.nsteps > relaxation.steps[-1].step:
            yield relaxation.measure(converged=bool(converged))


def _recorders(stack: ExitStack, relaxation: Relaxation, records: RelaxRecords) -> Iterator[StepObserver]:
    """Observers that write every step as a frame, and the state when it is due; files close with ``stack``."""
    if records.trajectory is not None:
        keep = _kept_bytes(records.trajectory, len(relaxation.steps)) if relaxation.steps else None
        file = stack.enter_context(RecordFile(records.trajectory, keep=keep))
        yield lambda step: file.write(frame_text(relaxation.atoms, step=step.step))
    if records.state is not None:
        yield _Checkpointer(relaxation, records).see


class _Checkpointer:
    """Writes the state when it is due: after a number of steps, or of minutes."""

    def __init__(self, relaxation: Relaxation, records: RelaxRecords) -> None:
        self._relaxation, self._records, self._saved_at = relaxation, records, time.monotonic()

    def see(self, step: RelaxStep) -> None:
        late = time.monotonic() - self._saved_at > 60.0 * self._relaxation.config.checkpoint_minutes
        if step.step and (late or step.step % STATE_EVERY == 0):
            _write_state(self._relaxation, self._records)
            self._saved_at = time.monotonic()


def _kept_bytes(path: Path, n_frames: int) -> int:
    """Length of the frames that a restart already has; a missing file is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return length_of_frames(path, n_frames)


def _write_state(relaxation: Relaxation, records: RelaxRecords) -> None:
    assert records.state is not None
    write_state(records.state, relaxation.state(records.run or {}))


def _end_state(relaxation: Relaxation, records: RelaxRecords, *, resumable: bool) -> None:
    """Write a restart file if further steps make sense, and remove it if not."""
    if records.state is None:
        return
    if resumable:
        _write_state(relaxation, records)
    else:
        records.state.unlink(missing_ok=True)
