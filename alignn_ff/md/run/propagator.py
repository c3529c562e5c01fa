"""The propagator: moves atoms through the stages of a run, one step at a time.

In: a structure with momenta and calculator, stages, random numbers, and a place to begin. Out: snapshots, and
the state from which another propagator goes on bit for bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from ase import Atoms
from ase.md.md import MolecularDynamics
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.errors import ConfigError
from alignn_ff.md.ensembles.freedom import Freedom, stop_rotation, stop_translation, temperature
from alignn_ff.md.ensembles.stage import READS, Stage, Targets
from alignn_ff.md.ensembles.state import put_state, take_state
from alignn_ff.md.ensembles.table import ENSEMBLES, Ensemble
from alignn_ff.md.ensembles.thermostats import Bath
from alignn_ff.trajectory.snapshot import Snapshot
from alignn_ff.units import GPA_PER_EV_PER_A3


@dataclass(frozen=True)
class Place:
    """Where in a schedule a run stands.

    Attributes:
        stage: number of the stage, from 0.
        stage_step: steps done in it.
        step: steps done in all.
        offset_eV: what is added to the conserved quantity of the stage, so that it goes on across ramps and stages.
        freedom: what counts as temperature in the stage; None before it began.
    """

    stage: int = 0
    stage_step: int = 0
    step: int = 0
    offset_eV: float = 0.0
    freedom: Freedom | None = None

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return asdict(self) | {"freedom": None if self.freedom is None else list(self.freedom)}

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> "Place":
        """The place that :meth:`to_json` described."""
        counted = content["freedom"]
        assert isinstance(counted, list)
        return cls(**{**content, "freedom": Freedom(*counted)})  # type: ignore[arg-type]


class Propagator:
    """Atoms on their way through a schedule.

    Args:
        atoms: with momenta and calculator; moved in place.
        stages: one after another.
        rng: source of all random numbers.
        place: where to begin.
        state: of the integrator there, as :meth:`state` gave it; None at the start.
    """

    def __init__(
        self,
        atoms: Atoms,
        stages: Sequence[Stage],
        *,
        rng: np.random.Generator,
        place: Place | None = None,
        state: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> None:
        self.atoms, self._stages, self.rng = atoms, tuple(stages), rng
        self.place = Place() if place is None else place
        self._integrator = self._enter()
        if state is not None:
            put_state(self._integrator, state)

    @property
    def finished(self) -> bool:
        """Whether all stages are done."""
        left = sum(stage.steps for stage in self._stages[self.place.stage :])
        return self.place.stage_step >= left

    @property
    def time_fs(self) -> float:
        """Simulated time."""
        done = sum(stage.time_fs for stage in self._stages[: self.place.stage])
        return done + self.place.stage_step * self._stage.timestep_fs

    def state(self) -> dict[str, NDArray[np.float64]]:
        """What the integrator remembers beside its atoms."""
        return take_state(self._integrator)

    def advance(self) -> Snapshot:
        """Make one step."""
        while self.place.stage_step == self._stage.steps:
            self._next_stage()
        self._retarget()
        self._integrator.step()  # type: ignore[attr-defined]
        self._integrator.nsteps += 1
        self.atoms.get_forces()
        self.place = replace(self.place, step=self.place.step + 1, stage_step=self.place.stage_step + 1)
        return self.snapshot()

    def snapshot(self) -> Snapshot:
        """The present instant."""
        place, atoms, stage = self.place, self.atoms, self._stage
        ensemble, targets = ENSEMBLES[stage.ensemble], stage.targets(place.stage_step)
        assert place.freedom is not None
        potential, kinetic = float(atoms.get_potential_energy()), float(atoms.get_kinetic_energy())
        return Snapshot(
            step=place.step,
            time_fs=self.time_fs,
            atoms=atoms,
            forces_eV_per_A=atoms.get_forces(apply_constraint=False),
            potential_eV=potential,
            kinetic_eV=kinetic,
            temperature_K=temperature(atoms, place.freedom),
            conserved_eV=float(ensemble.conserved(self._integrator, potential + kinetic)) + place.offset_eV,
            stage=place.stage,
            target_temperature_K=targets.temperature_K if ensemble.thermostat else None,
            target_pressure_GPa=targets.pressure_GPa if "pressure_GPa" in READS[stage.ensemble] else None,
            volume_A3=volume_A3(atoms),
            pressure_GPa=pressure_GPa(atoms),
            is_conserved=ensemble.is_conserved,
        )

    @property
    def _stage(self) -> Stage:
        return self._stages[self.place.stage]

    @property
    def _bath(self) -> Bath:
        assert self.place.freedom is not None
        return Bath(self.place.freedom.n_dof, self.rng)

    def _enter(self) -> MolecularDynamics:
        """The integrator of the present stage, aiming at what its last step aimed at."""
        stage, ensemble = self._stage, ENSEMBLES[self._stage.ensemble]
        if self.place.freedom is None:
            counted = ensemble.freedom(self.atoms)
            self.place = replace(self.place, freedom=counted)
            _stop_rigid_motion(self.atoms, counted, ensemble)
        integrator = ensemble.build(self.atoms, stage, self._bath)
        integrator.nsteps = self.place.step
        ensemble.aim(integrator, stage.targets(self.place.stage_step), self._bath)
        return integrator

    def _next_stage(self) -> None:
        before = self._conserved() + self.place.offset_eV
        self.place = replace(self.place, stage=self.place.stage + 1, stage_step=0, freedom=None)
        self._integrator = self._enter()
        self.place = replace(self.place, offset_eV=before - self._conserved())

    def _retarget(self) -> None:
        """Aim at what the next step should reach; the work of that is no error of the dynamics."""
        if not self._stage.ramps:
            return
        before = self._conserved()
        targets: Targets = self._stage.targets(self.place.stage_step + 1)
        ENSEMBLES[self._stage.ensemble].aim(self._integrator, targets, self._bath)
        self.place = replace(self.place, offset_eV=self.place.offset_eV + before - self._conserved())

    def _conserved(self) -> float:
        total = float(self.atoms.get_potential_energy()) + float(self.atoms.get_kinetic_energy())
        return float(ENSEMBLES[self._stage.ensemble].conserved(self._integrator, total))


def pressure_GPa(atoms: Atoms) -> float | None:  # noqa: N802 - the unit's letters
    """Virial and kinetic pressure, compression positive; None where the calculator has no stress at hand."""
    stress = getattr(atoms.calc, "results", {}).get("stress")
    volume = volume_A3(atoms)
    if stress is None or volume is None:
        return None
    virial = -float(np.trace(stress) if np.ndim(stress) == 2 else np.sum(stress[:3])) / 3.0
    return (virial + 2.0 * float(atoms.get_kinetic_energy()) / (3.0 * volume)) * GPA_PER_EV_PER_A3


def _stop_rigid_motion(atoms: Atoms, counted: Freedom, ensemble: Ensemble) -> None:
    """A thermostat of all velocities would feed a drift or rotation that it cannot see, so none may be there."""
    if ensemble.thermostat and counted.translation:
        stop_translation(atoms)
    if ensemble.thermostat and counted.rotation:
        stop_rotation(atoms)
    if not ensemble.cold and atoms.get_kinetic_energy() <= 0.0:
        raise ConfigError("this thermostat scales velocities, and all are zero; draw them above 0 K")
