"""Molecular dynamics: a structure, a calculator and a :class:`MDConfig` in, files and a :class:`MDResult` out.

:func:`run_md` starts a run. :func:`resume_md` resumes one from its restart file and gives the same bits as an
uninterrupted run.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.domain import OutsideWord, pair_name, seen_pairs, unseen_pairs
from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.io import check_atoms
from alignn_ff.md.config import MDConfig
from alignn_ff.md.ensembles.suitability import admit, warn_of_vacuum
from alignn_ff.md.ensembles.timestep import check_timesteps
from alignn_ff.md.files import MDFiles
from alignn_ff.md.guards.checks import baseline
from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.md.guards.table import GuardMonitor
from alignn_ff.md.harvest import Watch
from alignn_ff.md.result import MDResult
from alignn_ff.md.run.ending import Ending
from alignn_ff.md.run.loop import Observer, Run, drive
from alignn_ff.md.run.propagator import Propagator
from alignn_ff.md.run.record import RunRecord
from alignn_ff.md.run.restart import MDHead, RestartContent, constraints_to_json, read_restart
from alignn_ff.md.run.start import starting_atoms, warn_of_minimum
from alignn_ff.models import FAMILIES
from alignn_ff.runs.domain import calculator_word
from alignn_ff.runs.model_record import ModelRecord, check_same_dispersion, describe_model
from alignn_ff.runs.saved_model import find_model, warn_of_differences
from alignn_ff.runs.uncertainty import gives_deviations

log = logging.getLogger(__name__)


def run_md(
    atoms: Atoms,
    calculator: BaseCalculator,
    *,
    config: MDConfig,
    files: MDFiles | None = None,
    on_step: Observer | None = None,
    command: str | None = None,
    ending: Ending | None = None,
) -> MDResult:
    """Run dynamics on a copy of a structure.

    Args:
        atoms: the start; not modified.
        calculator: any ASE calculator.
        config: stages, output intervals, guards, seed.
        files: output files; existing ones are replaced (``claim`` refuses that); None writes nothing.
        on_step: called at the start and after every step.
        command: how the run was started, for the summary.
        ending: may end the run before its last step; None makes all steps.

    Raises:
        StructureError, ElementNotCoveredError, ConfigError: before anything is written.
        SimulationError: the run was stopped by a guard, or by a signal (:class:`MDInterruptedError`).
        OutputError: the disk is full or failing.
    """
    check_atoms(atoms)
    rng = np.random.default_rng(config.seed)
    start = starting_atoms(atoms, config, rng)
    admit(config.schedule, start)
    warn_of_vacuum(config.schedule, start)
    check_timesteps(config.schedule, start)
    constraints_to_json(start)
    if isinstance(calculator, AlignnCalculator):
        calculator.expect(config.steps, start)
        refuse_unseen_pairs(calculator, start, config)
    start.calc = calculator
    start.get_forces()  # errors in the input are raised here, before a file is opened
    warn_of_minimum(start, config)
    _warn_of_kinks(calculator, config)
    _check_deviations(calculator, config)
    hottest = max(stage.hottest_K for stage in config.schedule)
    compared_with = baseline(start, hottest_K=hottest, shortest_A=_shortest_distances(calculator))
    run = Run(
        config=config,
        propagator=Propagator(start, config.schedule, rng=rng),
        monitor=GuardMonitor(config.limits, compared_with),
        record=RunRecord(config, len(start)),
        model=describe_model(calculator),
        watch=Watch(config, describe_model(calculator).name),
        files=files,
        command=command,
        ending=ending,
    )
    return drive(run, on_step)


def resume_md(
    restart: str | Path,
    *,
    content: RestartContent | None = None,
    calculator: BaseCalculator | None = None,
    model: str | None = None,
    steps: int | None = None,
    guards: GuardLimits | None = None,
    outside: OutsideWord | None = None,
    on_step: Observer | None = None,
    ending: Ending | None = None,
) -> MDResult:
    """Resume a run from its restart file; its outputs are cut back to that step first.

    Args:
        restart: the file.
        content: of the file, if it has been read already.
        calculator: None loads the model of the run; a calculator of another package must be given.
        model: name or path of the model, if it was moved.
        steps: of the whole run; changes the length of the last stage; None keeps the planned length.
        guards: new limits; None keeps the old ones.
        outside: what happens outside of the training data; None keeps what was chosen.
        on_step: called after every step.
        ending: that of the run; its state is that of the restart file. None makes all steps.

    Raises:
        CheckpointError: the restart file is damaged, or the model is gone or changed.
        ConfigError: the run cannot have this length.
        SimulationError, OutputError: as :func:`run_md`.
    """
    restart = Path(restart)
    content = read_restart(restart) if content is None else content
    changes = {name: value for name, value in (("guards", guards), ("outside", outside)) if value is not None}
    return _resume(
        restart, content, calculator, model=model, steps=steps, changes=changes, on_step=on_step, ending=ending
    )


def _resume(
    restart: Path,
    content: RestartContent,
    calculator: BaseCalculator | None,
    *,
    model: str | None,
    steps: int | None,
    changes: Mapping[str, object],
    on_step: Observer | None,
    ending: Ending | None,
) -> MDResult:
    head, atoms = content.head, content.atoms
    config = _prolonged(head.config, steps, done=head.progress.step).model_copy(update=changes)
    told = calculator_word(config.outside)
    atoms.calc = find_model(head.model, elsewhere=model, outside=told) if calculator is None else calculator
    atoms.get_forces()  # loads the model of the calculator
    check_same_model(head, describe_model(atoms.calc))
    rng = np.random.default_rng()
    rng.bit_generator.state = head.rng
    record = RunRecord(config, len(atoms))
    record.restore(head.record)
    record.restarts.append(head.progress.step)
    if ending is not None:
        ending.restore(head.ending)
    propagator = Propagator(atoms, config.schedule, rng=rng, progress=head.progress, state=content.integrator)
    run = Run(
        config=config,
        propagator=propagator,
        monitor=GuardMonitor(config.limits, head.baseline),
        record=record,
        model=head.model,
        watch=Watch(config, head.model.name, head.watch),
        files=MDFiles(restart.parent / head.prefix, config.formats, config.harvest),
        kept=head.outputs,
        command=head.command,
        ending=ending,
    )
    return drive(run, on_step)


def check_same_model(head: MDHead, now: ModelRecord) -> None:
    """Check that a calculator has the model of a restart file.

    Raises:
        CheckpointError: it has not.
    """
    then = head.model
    if (now.sha256 or now.name) != (then.sha256 or then.name):
        raise CheckpointError(
            f"the run was made with the model {then.name} ({then.sha256}), but the calculator has {now.name} "
            f"({now.sha256})"
        )
    check_same_dispersion(then, now)
    warn_of_differences(then, now, head.versions)


def _prolonged(config: MDConfig, steps: int | None, *, done: int) -> MDConfig:
    """The config with its last stage changed so that the whole run has ``steps`` steps."""
    if steps is None or steps == config.steps:
        return config
    last = config.schedule[-1]
    if last.ramps:
        raise ConfigError(f"the last stage ramps {', '.join(last.ramps)}, so its length cannot be changed")
    if steps < done:
        raise ConfigError(f"the run has already done {done} steps, more than {steps}")
    length = last.steps + steps - config.steps
    if length < 0:
        raise ConfigError(f"{steps} steps end before the last stage begins; earlier stages cannot be shortened")
    if not config.stages:
        return config.model_copy(update={"steps": steps})
    stages = (*config.stages[:-1], last.model_copy(update={"steps": length}))
    return config.model_copy(update={"steps": steps, "stages": stages})


def refuse_unseen_pairs(calculator: AlignnCalculator, atoms: Atoms, config: MDConfig) -> None:
    """Check that the model has seen all elements of a structure together, unless the user allows others.

    Raises:
        ConfigError: it has not; the pairs are named.
    """
    counts = Counter(atoms.numbers.tolist())
    alone = {pair_name(number, number) for number, count in counts.items() if count == 1}
    domain = calculator.potential.header.domain
    pairs = [name for name in unseen_pairs(counts, seen_pairs(domain)) if name not in alone]
    if pairs and not config.allow_unseen_pairs:
        raise ConfigError(
            f"the training data of {calculator.potential.name} hold no neighbours {', '.join(pairs)}, so their "
            "interaction is a guess, and dynamics would follow it. Use a model that was trained on these elements "
            "together, fine-tune this one, or give --allow-unseen-pairs"
        )


def _shortest_distances(calculator: BaseCalculator) -> Mapping[str, float]:
    if not isinstance(calculator, AlignnCalculator):
        return {}
    return calculator.potential.header.domain.shortest_distance_A


def _check_deviations(calculator: BaseCalculator, config: MDConfig) -> None:
    """Check that a calculator has standard deviations, if a threshold is set on them.

    Raises:
        ConfigError: it has none.
    """
    asked = config.uncertain_above is not None or config.guards.max_uncertainty is not None
    if asked and not gives_deviations(calculator):
        raise ConfigError(
            f"a limit of the uncertainty is set, but {describe_model(calculator).name} tells no uncertainty: use a "
            "committee (alignn-ff train --committee 4), or add the last layer's record to the model (alignn-ff "
            "uncertainty MODEL DATA --training DATA -o FILE)"
        )


def _warn_of_kinks(calculator: BaseCalculator, config: MDConfig) -> None:
    """Warn before constant-energy dynamics if the model's energy is not smooth in the positions."""
    if not isinstance(calculator, AlignnCalculator):
        return
    conserving = [stage.ensemble for stage in config.schedule if stage.ensemble in ("nve", "nph")]
    potential = calculator.potential
    if conserving and not FAMILIES[potential.header.model.name].smooth:
        log.warning(
            "the energy of model %s (%s) is not smooth in the positions: it jumps when neighbours enter or leave the "
            "cutoff, so %s does not conserve energy; check the drift, or use a thermostat or a model of the family "
            "alignn_smooth",
            potential.name,
            potential.header.model.name,
            conserving[0],
        )
