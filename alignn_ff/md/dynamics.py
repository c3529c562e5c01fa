"""Molecular dynamics: a structure, a calculator and a :class:`MDConfig` in, files and a :class:`MDResult` out.

:func:`run_md` begins a run, :func:`resume_md` goes on with one from its restart file, bit for bit as if it had
never stopped.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.allocator import keep_freed_memory
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import AlignnError, CheckpointError, ConfigError, SimulationError
from alignn_ff.graph import check_atoms
from alignn_ff.interrupt import StopRequest, stop_on_signals
from alignn_ff.log import get_logger
from alignn_ff.md.admission import admit
from alignn_ff.md.guard_checks import Baseline, baseline
from alignn_ff.md.guard_limits import GuardLimits
from alignn_ff.md.guards import Watch
from alignn_ff.md.md_config import MDConfig
from alignn_ff.md.md_files import MDFiles, Outputs, write_md_end
from alignn_ff.md.md_result import MDResult
from alignn_ff.md.propagator import Place, Propagator
from alignn_ff.md.provenance import ModelRecord, describe_model, software_versions
from alignn_ff.md.restart import RestartContent, constraints_to_json, read_restart, write_restart
from alignn_ff.md.restart_model import find_model, record_from_json, say_what_differs
from alignn_ff.md.run_record import RunRecord
from alignn_ff.md.snapshot import Snapshot
from alignn_ff.md.start import starting_atoms
from alignn_ff.md.stopping import MDInterruptedError, guard_error
from alignn_ff.md.trajectory import bare_copy
from alignn_ff.models import FAMILIES

Observer = Callable[[Snapshot], None]


@dataclass
class Run:
    """A run under way: everything that :func:`_drive` moves on.

    Attributes:
        config: how it is run.
        propagator: moves the atoms.
        watch: lets the guards look.
        record: gathers what the summary needs.
        model: behind the forces.
        files: where it writes; None: nowhere.
        kept: where the files stood at the restart file; None for a new run.
        command: how it was started.
    """

    config: MDConfig
    propagator: Propagator
    watch: Watch
    record: RunRecord
    model: ModelRecord
    files: MDFiles | None = None
    kept: Mapping[str, int] | None = None
    command: str | None = None


def run_md(
    atoms: Atoms,
    calculator: BaseCalculator,
    *,
    config: MDConfig,
    files: MDFiles | None = None,
    on_step: Observer | None = None,
    command: str | None = None,
) -> MDResult:
    """Run dynamics on a copy of a structure.

    Args:
        atoms: start; not changed.
        calculator: any ASE calculator.
        config: stages, output intervals, guards, seed.
        files: where to write, what is there being replaced (``claim`` refuses that); None writes nothing.
        on_step: called after every step, and for the start.
        command: how the run was started, for the summary.

    Raises:
        StructureError, ElementNotCoveredError, ConfigError: before anything is written.
        SimulationError: the run was stopped by a guard, or by a signal (:class:`MDInterruptedError`).
        OutputError: the disk is full or failing.
    """
    check_atoms(atoms)
    rng = np.random.default_rng(config.seed)
    start = starting_atoms(atoms, config, rng)
    admit(config.schedule, start)
    constraints_to_json(start)
    start.calc = calculator
    start.get_forces()  # what is wrong with the input shows here, before a file is opened
    _warn_of_kinks(calculator, config)
    hottest = max(stage.hottest_K for stage in config.schedule)
    run = Run(
        config=config,
        propagator=Propagator(start, config.schedule, rng=rng),
        watch=Watch(config.guards, baseline(start, hottest_K=hottest, shortest_A=_shortest_distances(calculator))),
        record=RunRecord(config, len(start)),
        model=describe_model(calculator),
        files=files,
        command=command,
    )
    return _drive(run, on_step)


def resume_md(
    restart: Path,
    *,
    calculator: BaseCalculator | None = None,
    model: str | None = None,
    steps: int | None = None,
    guards: GuardLimits | None = None,
    on_step: Observer | None = None,
) -> MDResult:
    """Go on with a run from its restart file; its outputs are cut back to that step first.

    Args:
        restart: the file.
        calculator: None finds the model of the run again; others than ours have to be given.
        model: name or path where the model is now, if it was moved.
        steps: of the whole run, in order to prolong its last stage; None as it was planned.
        guards: other limits; None as they were.
        on_step: called after every step.

    Raises:
        CheckpointError: the restart file is damaged, or the model is gone or changed.
        ConfigError: the run cannot be prolonged so.
        SimulationError, OutputError: as :func:`run_md`.
    """
    content = read_restart(restart)
    head = content.description
    config = _prolonged(MDConfig.model_validate(head["config"]), steps, done=head["place"]["step"])
    if guards is not None:
        config = config.model_copy(update={"guards": guards})
    model_record = record_from_json(head["model"])
    content.atoms.calc = find_model(model_record, elsewhere=model) if calculator is None else calculator
    if calculator is not None and describe_model(calculator).name != model_record.name:
        raise CheckpointError(
            f"the run was made with {model_record.name}, and now the calculator is {describe_model(calculator).name}"
        )
    say_what_differs(model_record, head["versions"])
    rng = np.random.default_rng()
    rng.bit_generator.state = head["rng"]
    record = RunRecord(config, len(content.atoms))
    record.restore(head["record"])
    record.restarts.append(head["place"]["step"])
    run = Run(
        config=config,
        propagator=Propagator(
            content.atoms,
            config.schedule,
            rng=rng,
            place=Place.from_json(head["place"]),
            state=content.integrator,
        ),
        watch=Watch(config.guards, Baseline(**head["baseline"])),
        record=record,
        model=model_record,
        files=MDFiles(restart.parent / head["prefix"], config.formats),
        kept=head["outputs"],
        command=head["command"],
    )
    return _drive(run, on_step)


def _drive(run: Run, on_step: Observer | None) -> MDResult:
    """Make the steps that are left, and write what is due."""
    keep_freed_memory()
    propagator, first_fs = run.propagator, run.propagator.snapshot().time_fs
    began = time.perf_counter()
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals()) if run.files is not None else StopRequest()
        outputs = None
        if run.files is not None:
            outputs = stack.enter_context(Outputs(run.files, run.config, kept=run.kept))
        saver = _Saver(run, outputs, began)
        if run.kept is None:
            _observe(propagator.snapshot(), run, outputs, on_step)
            saver.save()
        while not propagator.finished:
            _observe(_advance(run), run, outputs, on_step)
            if stop() or saver.is_due():
                saver.save()
            if stop() and run.files is not None and stop.signal is not None:
                raise MDInterruptedError(stop.signal, propagator.place.step, run.files)
        wall_time_s = time.perf_counter() - began
        saver.save()
        result = _result(run, wall_time_s=wall_time_s, first_fs=first_fs)
        if run.files is not None:
            write_md_end(run.files, result)
    get_logger("md").info("%d steps in %.1f s", run.config.steps, result.wall_time_s)
    return result


def _observe(snapshot: Snapshot, run: Run, outputs: Outputs | None, on_step: Observer | None) -> None:
    found = run.watch.look(snapshot)
    if found is not None:
        raise guard_error(snapshot, *found, config=run.config, files=run.files)
    run.record.add(snapshot)
    if outputs is not None:
        outputs.write(snapshot)
    if on_step is not None:
        on_step(snapshot)


def _advance(run: Run) -> Snapshot:
    """One step; a structure that stops making sense on the way is a failed simulation."""
    atoms, place = run.propagator.atoms, run.propagator.place
    try:
        return run.propagator.advance()
    except (AlignnError, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        numbers = np.concatenate([atoms.positions.ravel(), atoms.get_momenta().ravel(), atoms.cell.array.ravel()])
        if not isinstance(error, AlignnError) and np.isfinite(numbers).all():
            raise
        kept = "" if run.files is None else f"; the last good state is in {run.files.restart}"
        raise SimulationError(f"stopped at step {place.step + 1}: {error}{kept}") from error


class _Saver:
    """Writes restart files when they are due: after so many steps or minutes."""

    def __init__(self, run: Run, outputs: Outputs | None, began: float) -> None:
        self._run, self._outputs, self._began = run, outputs, began
        self._saved_at, self._versions = time.monotonic(), software_versions()

    def is_due(self) -> bool:
        config, step = self._run.config, self._run.propagator.place.step
        late = time.monotonic() - self._saved_at > 60.0 * config.checkpoint_minutes
        return step % config.checkpoint_every == 0 or late

    def save(self) -> None:
        run, propagator = self._run, self._run.propagator
        if run.files is None or self._outputs is None:
            return
        description: dict[str, Any] = {
            "config": run.config.model_dump(mode="json"),
            "place": propagator.place.to_json(),
            "rng": propagator.rng.bit_generator.state,
            "baseline": run.watch.start.to_json(),
            "record": run.record.to_json(wall_time_s=time.perf_counter() - self._began),
            "model": asdict(run.model),
            "versions": self._versions,
            "outputs": self._outputs.sync(),
            "prefix": run.files.prefix.name,
            "command": run.command,
        }
        write_restart(run.files.restart, RestartContent(description, propagator.atoms, propagator.state()))
        self._saved_at = time.monotonic()


def _result(run: Run, *, wall_time_s: float, first_fs: float) -> MDResult:
    assert run.record.first_total_eV is not None
    return MDResult(
        atoms=bare_copy(run.propagator.atoms),
        config=run.config,
        stages=run.record.results(),
        total_energy_first_eV=run.record.first_total_eV,
        total_energy_last_eV=run.record.last_total_eV,
        wall_time_s=run.record.earlier_wall_time_s + wall_time_s,
        session_time_fs=run.config.run_time_fs - first_fs,
        session_wall_time_s=wall_time_s,
        restarts=tuple(run.record.restarts),
        model=run.model,
        command=run.command,
    )


def _prolonged(config: MDConfig, steps: int | None, *, done: int) -> MDConfig:
    """The config with its last stage as long as the whole run asks for."""
    if steps is None or steps == config.steps:
        return config
    last = config.schedule[-1]
    if last.ramps:
        raise ConfigError(f"the last stage leads {', '.join(last.ramps)} along a ramp, so it cannot be prolonged")
    if steps < done:
        raise ConfigError(f"the run has done {done} steps already, more than {steps}")
    length = last.steps + steps - config.steps
    if length < 0:
        raise ConfigError(f"{steps} steps end before the last stage begins; earlier stages cannot be shortened")
    if not config.stages:
        return config.model_copy(update={"steps": steps})
    stages = (*config.stages[:-1], last.model_copy(update={"steps": length}))
    return config.model_copy(update={"steps": steps, "stages": stages})


def _shortest_distances(calculator: BaseCalculator) -> Mapping[str, float]:
    if not isinstance(calculator, AlignnCalculator):
        return {}
    return calculator.potential.header.domain.shortest_distance_A


def _warn_of_kinks(calculator: BaseCalculator, config: MDConfig) -> None:
    """Say before constant-energy dynamics that a model's energy is not smooth in the positions."""
    if not isinstance(calculator, AlignnCalculator):
        return
    conserving = [stage.ensemble for stage in config.schedule if stage.ensemble in ("nve", "nph")]
    potential = calculator.potential
    if conserving and not FAMILIES[potential.header.model.name].smooth:
        get_logger("md").warning(
            "the energy of model %s (%s) is not smooth in the positions: it jumps when neighbours come and go, so %s "
            "will not conserve energy; watch the drift, or take a thermostat or a model of the family alignn_smooth",
            potential.name,
            potential.header.model.name,
            conserving[0],
        )
