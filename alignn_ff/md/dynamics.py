"""Molecular dynamics: a structure, a calculator and a :class:`MDConfig` in, files and a :class:`MDResult` out."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.md.md import MolecularDynamics

from alignn_ff.allocator import keep_freed_memory
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import AlignnError, SimulationError
from alignn_ff.graph import check_atoms
from alignn_ff.log import get_logger
from alignn_ff.md import guards, thermo
from alignn_ff.md.config import MDConfig
from alignn_ff.md.drift import BlockMeans
from alignn_ff.md.ensembles import Ensemble, choose_ensemble
from alignn_ff.md.outputs import MDFiles, write_md_end
from alignn_ff.md.provenance import describe_model
from alignn_ff.md.results import MDResult
from alignn_ff.md.snapshot import Snapshot
from alignn_ff.md.start import kinetic_temperature, starting_atoms
from alignn_ff.md.trajectory import RecordFile, bare_copy, frame_text
from alignn_ff.units import MEV_PER_EV

Observer = Callable[[Snapshot], None]


def run_md(
    atoms: Atoms,
    calculator: BaseCalculator,
    *,
    config: MDConfig,
    files: MDFiles | None = None,
    on_step: Observer | None = None,
) -> MDResult:
    """Run dynamics on a copy of a structure.

    Args:
        atoms: start; not changed.
        calculator: any ASE calculator.
        config: ensemble, steps, temperature, output intervals, seed.
        files: where to write, what is there being replaced (``claim`` refuses that); None writes nothing.
        on_step: called after every step, and for the start.

    Raises:
        StructureError, ElementNotCoveredError, ConfigError: before anything is written.
        SimulationError: the run was stopped by a guard; files hold what came before.
    """
    keep_freed_memory()
    check_atoms(atoms)
    ensemble = choose_ensemble(config, atoms)
    rng = np.random.default_rng(config.seed)
    start = starting_atoms(atoms, config, rng)
    if isinstance(calculator, AlignnCalculator):
        calculator.expect(config.steps, start)
    start.calc = calculator
    start.get_forces()  # what is wrong with the input shows here, before a file is opened
    integrator = ensemble.build(start, config, rng)
    record = RunRecord(config)
    began = time.perf_counter()
    with ExitStack() as stack:
        observers: list[Observer] = [guards.check, record.add]
        if files is not None:
            observers.append(_recorder(stack, files, config))
        if on_step is not None:
            observers.append(on_step)
        for snapshot in _snapshots(integrator, ensemble, config):
            for observe in observers:
                observe(snapshot)
    result = record.result(start, ensemble, calculator, wall_time_s=time.perf_counter() - began)
    if files is not None:
        write_md_end(files, result)
    get_logger("md").info("%s: %d steps in %.1f s", config.ensemble, config.steps, result.wall_time_s)
    return result


class RunRecord:
    """What the summary of a run needs, gathered step by step in constant memory."""

    def __init__(self, config: MDConfig) -> None:
        self._config = config
        self._conserved, self._temperature = BlockMeans(), BlockMeans()
        self._first: Snapshot | None = None
        self._last: Snapshot | None = None

    def add(self, snapshot: Snapshot) -> None:
        """Take note of a step."""
        self._first = self._first or snapshot
        self._last = snapshot
        self._conserved.add(snapshot.time_fs, snapshot.conserved_eV)
        self._temperature.add(snapshot.time_fs, snapshot.temperature_K)

    def result(self, atoms: Atoms, ensemble: Ensemble, calculator: BaseCalculator, *, wall_time_s: float) -> MDResult:
        """The result of the run that was recorded."""
        assert self._first is not None
        assert self._last is not None
        drift = self._conserved.trend()
        scale = MEV_PER_EV * 1e3 / len(atoms)  # eV/fs → meV/atom/ps
        return MDResult(
            atoms=bare_copy(atoms),
            config=self._config,
            conserved_quantity=ensemble.conserved_quantity,
            drift_meV_per_atom_per_ps=None if drift.slope is None else drift.slope * scale,
            drift_stderr_meV_per_atom_per_ps=None if drift.slope_stderr is None else drift.slope_stderr * scale,
            mean_temperature_K=self._temperature.trend().mean,
            final_temperature_K=self._last.temperature_K,
            total_energy_first_eV=self._first.total_eV,
            total_energy_last_eV=self._last.total_eV,
            wall_time_s=wall_time_s,
            model=describe_model(calculator),
        )


def _snapshots(integrator: MolecularDynamics, ensemble: Ensemble, config: MDConfig) -> Iterator[Snapshot]:
    """The start and every step; a structure that stops making sense on the way is a failed simulation."""
    steps = integrator.irun(config.steps)
    while True:
        try:
            next(steps)
        except StopIteration:
            return
        except AlignnError as error:
            raise SimulationError(f"stopped at step {integrator.nsteps + 1}: {error}") from error
        yield _snapshot(integrator, ensemble, config)


def _snapshot(integrator: MolecularDynamics, ensemble: Ensemble, config: MDConfig) -> Snapshot:
    atoms = integrator.atoms
    potential = float(atoms.get_potential_energy())
    kinetic = float(atoms.get_kinetic_energy())
    return Snapshot(
        step=integrator.nsteps,
        time_fs=integrator.nsteps * config.timestep_fs,
        atoms=atoms,
        forces_eV_per_A=atoms.get_forces(apply_constraint=False),
        potential_eV=potential,
        kinetic_eV=kinetic,
        temperature_K=float(kinetic_temperature(atoms, conserves_momentum=ensemble.conserves_momentum)),
        conserved_eV=float(ensemble.conserved(integrator, potential + kinetic)),
    )


def _recorder(stack: ExitStack, files: MDFiles, config: MDConfig) -> Observer:
    """An observer that writes frames and log rows when they are due; its files close with ``stack``."""
    trajectory = stack.enter_context(RecordFile(files.trajectory))
    log = stack.enter_context(RecordFile(files.log))
    log.write(thermo.HEADER)

    def record(snapshot: Snapshot) -> None:
        if snapshot.step % config.write_every == 0:
            trajectory.write(frame_text(snapshot.atoms, step=snapshot.step, time_fs=snapshot.time_fs))
        if snapshot.step % config.log_every == 0:
            log.write(thermo.row(snapshot))

    return record
