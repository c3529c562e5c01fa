"""The propagator: moves atoms through the stages of a run, one step at a time.

In: a structure with momenta and calculator, stages, random numbers, and the progress so far. Out: snapshots, and the
state from which another propagator continues bit for bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.md.md import MolecularDynamics
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.errors import ConfigError
from alignn_ff.kinetics import Freedom, pressure_GPa, stop_rotation, stop_translation, temperature
from alignn_ff.md.ensembles.settings import Coupling, Targets
from alignn_ff.md.ensembles.stage import Stage
from alignn_ff.md.ensembles.state import put_state, take_state
from alignn_ff.md.ensembles.table import ENSEMBLES, Ensemble
from alignn_ff.trajectory.snapshot import Snapshot


@dataclass(frozen=True)
class StageProgress:
    """Position of a run in its schedule.

    Attributes:
        stage: number of the stage, from 0.
        stage_step: steps done in this stage.
        step: steps done in total.
        offset_eV: added to the conserved quantity of the stage, so that it is continuous across ramps and stages.
        freedom: degrees of freedom that have the temperature; None before the stage began.
    """

    stage: int = 0
    stage_step: int = 0
    step: int = 0
    offset_eV: float = 0.0
    freedom: Freedom | None = None


class Propagator:
    """Atoms and their progress through a schedule.

    Args:
        atoms: with momenta and calculator; modified in place.
        stages: run one after another.
        rng: source of all random numbers.
        progress: where to start; None for a new run.
        state: of the integrator, from :meth:`state`; None for a new run.
    """

    def __init__(
        self,
        atoms: Atoms,
        stages: Sequence[Stage],
        *,
        rng: np.random.Generator,
        progress: StageProgress | None = None,
        state: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> None:
        self.atoms, self._stages, self.rng = atoms, tuple(stages), rng
        self.progress = StageProgress() if progress is None else progress
        self._integrator = self._enter()
        if state is not None:
            put_state(self._integrator, state)

    @property
    def finished(self) -> bool:
        """Whether all stages are done."""
        left = sum(stage.steps for stage in self._stages[self.progress.stage :])
        return self.progress.stage_step >= left

    @property
    def time_fs(self) -> float:
        """Simulated time."""
        done = sum(stage.time_fs for stage in self._stages[: self.progress.stage])
        return done + self.progress.stage_step * self._stage.timestep_fs

    def state(self) -> dict[str, NDArray[np.float64]]:
        """State of the integrator in addition to its atoms."""
        return take_state(ENSEMBLES[self._stage.ensemble], self._integrator)

    def advance(self) -> Snapshot:
        """Make one step."""
        while self.progress.stage_step == self._stage.steps:
            self._next_stage()
        self._retarget()
        self._integrator.step()  # type: ignore[attr-defined]
        self._integrator.nsteps += 1
        self.atoms.get_forces()
        self.progress = replace(self.progress, step=self.progress.step + 1, stage_step=self.progress.stage_step + 1)
        return self.snapshot()

    def snapshot(self) -> Snapshot:
        """The snapshot of the current step."""
        progress, atoms, stage = self.progress, self.atoms, self._stage
        ensemble, targets = ENSEMBLES[stage.ensemble], stage.targets(progress.stage_step)
        assert progress.freedom is not None
        potential, kinetic = float(atoms.get_potential_energy()), float(atoms.get_kinetic_energy())
        return Snapshot(
            step=progress.step,
            time_fs=self.time_fs,
            atoms=atoms,
            forces_eV_per_A=atoms.get_forces(apply_constraint=False),
            potential_eV=potential,
            kinetic_eV=kinetic,
            temperature_K=temperature(atoms, progress.freedom),
            conserved_eV=float(ensemble.conserved(self._integrator, potential + kinetic)) + progress.offset_eV,
            stage=progress.stage,
            target_temperature_K=targets.temperature_K if ensemble.thermostat else None,
            target_pressure_GPa=targets.pressure_GPa if "pressure_GPa" in ensemble.reads else None,
            volume_A3=volume_A3(atoms),
            pressure_GPa=pressure_GPa(atoms, _stress_at_hand(atoms)),
            is_conserved=ensemble.is_conserved,
        )

    @property
    def _stage(self) -> Stage:
        return self._stages[self.progress.stage]

    @property
    def _coupling(self) -> Coupling:
        assert self.progress.freedom is not None
        return Coupling(self.progress.freedom.n_dof, self.rng)

    def _enter(self) -> MolecularDynamics:
        """The integrator of the current stage, with the targets of its last step."""
        stage, ensemble = self._stage, ENSEMBLES[self._stage.ensemble]
        if self.progress.freedom is None:
            counted = ensemble.freedom(self.atoms)
            self.progress = replace(self.progress, freedom=counted)
            _stop_rigid_motion(self.atoms, counted, ensemble)
        integrator = ensemble.build(self.atoms, stage, self._coupling)
        integrator.nsteps = self.progress.step
        ensemble.aim(integrator, stage.targets(self.progress.stage_step), self._coupling)
        return integrator

    def _next_stage(self) -> None:
        before = self._conserved() + self.progress.offset_eV
        self.progress = replace(self.progress, stage=self.progress.stage + 1, stage_step=0, freedom=None)
        self._integrator = self._enter()
        self.progress = replace(self.progress, offset_eV=before - self._conserved())

    def _retarget(self) -> None:
        """Set the targets of the next step; the energy change this causes is not counted as drift."""
        if not self._stage.ramps:
            return
        before = self._conserved()
        targets: Targets = self._stage.targets(self.progress.stage_step + 1)
        ENSEMBLES[self._stage.ensemble].aim(self._integrator, targets, self._coupling)
        self.progress = replace(self.progress, offset_eV=self.progress.offset_eV + before - self._conserved())

    def _conserved(self) -> float:
        total = float(self.atoms.get_potential_energy()) + float(self.atoms.get_kinetic_energy())
        return float(ENSEMBLES[self._stage.ensemble].conserved(self._integrator, total))


def _stress_at_hand(atoms: Atoms) -> NDArray[np.float64] | None:
    """The stress that the calculator computed with the forces; None if it did not."""
    stress: NDArray[np.float64] | None = getattr(atoms.calc, "results", {}).get("stress")
    return stress


def _stop_rigid_motion(atoms: Atoms, counted: Freedom, ensemble: Ensemble) -> None:
    """Remove a drift or rotation that is not part of the temperature; a thermostat would amplify it."""
    if ensemble.thermostat and counted.translation:
        stop_translation(atoms)
    if ensemble.thermostat and counted.rotation:
        stop_rotation(atoms)
    if not ensemble.cold and atoms.get_kinetic_energy() <= 0.0:
        raise ConfigError("this thermostat scales velocities, but all are zero; draw them at a temperature above 0 K")
