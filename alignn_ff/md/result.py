"""The result of a dynamics run: frozen, and as JSON with units in the names."""

from dataclasses import asdict, dataclass, fields
from typing import Final

from ase import Atoms

from alignn_ff.display import Displayed, Sheet, exact
from alignn_ff.md.config import MDConfig
from alignn_ff.md.harvest import NOTHING_WATCHED, WatchState
from alignn_ff.runs.model_record import ModelRecord, software_versions

REPRODUCIBLE: Final = (
    "resuming from a restart file gives the same bits as an uninterrupted run on the same machine, with the same "
    "software, number of threads and execution backend"
)


@dataclass(frozen=True)
class StageResult:
    """A stage of a run.

    Attributes:
        name: of the stage; empty without one.
        ensemble: name of the ensemble.
        n_steps: steps done in this stage.
        time_fs: time simulated in this stage.
        conserved_quantity: what exact dynamics would keep constant, in words.
        drift_meV_per_atom_per_ps: least-squares slope of that quantity (of the total energy if there is none).
        drift_stderr_meV_per_atom_per_ps: its standard error from block means.
        mean_temperature_K, mean_pressure_GPa, mean_volume_A3: over all steps; None if there is no such quantity.
        final_temperature_K: of the last step.
    """

    name: str
    ensemble: str
    n_steps: int
    time_fs: float
    conserved_quantity: str
    drift_meV_per_atom_per_ps: float | None
    drift_stderr_meV_per_atom_per_ps: float | None
    mean_temperature_K: float | None
    mean_pressure_GPa: float | None
    mean_volume_A3: float | None
    final_temperature_K: float | None


@dataclass(frozen=True)
class MDResult(Displayed):
    """A dynamics run.

    Attributes:
        atoms: the last structure, with momenta, energy and forces.
        config: its settings.
        stages: one result per stage.
        total_energy_first_eV, total_energy_last_eV: potential + kinetic energy.
        wall_time_s: of the steps, over all sessions.
        session_time_fs, session_wall_time_s: of the steps since the last restart.
        restarts: steps at which the run was resumed from a restart file.
        model: the model used.
        command: the command that started the run, if any.
        outside: the first finding of each kind outside of the training data, in words.
    """

    atoms: Atoms
    config: MDConfig
    stages: tuple[StageResult, ...]
    total_energy_first_eV: float
    total_energy_last_eV: float
    wall_time_s: float
    session_time_fs: float
    session_wall_time_s: float
    restarts: tuple[int, ...]
    model: ModelRecord
    command: str | None = None
    outside: tuple[str, ...] = ()
    uncertainty: WatchState = NOTHING_WATCHED

    @property
    def last_stage(self) -> StageResult:
        """The stage that ended the run."""
        return self.stages[-1]

    @property
    def conserved_quantity(self) -> str:
        """What exact dynamics would keep constant in the last stage."""
        return self.last_stage.conserved_quantity

    @property
    def drift_meV_per_atom_per_ps(self) -> float | None:  # noqa: N802 - the unit's letters
        """Drift in the last stage."""
        return self.last_stage.drift_meV_per_atom_per_ps

    @property
    def drift_stderr_meV_per_atom_per_ps(self) -> float | None:  # noqa: N802 - the unit's letters
        """Standard error of the drift in the last stage."""
        return self.last_stage.drift_stderr_meV_per_atom_per_ps

    @property
    def mean_temperature_K(self) -> float | None:  # noqa: N802 - the unit's letter
        """Mean temperature of the last stage."""
        return self.last_stage.mean_temperature_K

    @property
    def final_temperature_K(self) -> float | None:  # noqa: N802 - the unit's letter
        """Temperature at the end."""
        return self.last_stage.final_temperature_K

    @property
    def n_steps(self) -> int:
        """Steps done; fewer than those of the config where an ending was reached."""
        return sum(stage.n_steps for stage in self.stages)

    @property
    def simulated_time_fs(self) -> float:
        """Time simulated."""
        return sum(stage.time_fs for stage in self.stages)

    @property
    def ns_per_day(self) -> float | None:
        """Speed since the last restart; None without steps."""
        return nanoseconds_per_day(self.session_time_fs, self.session_wall_time_s) if self.session_time_fs else None

    def brief(self) -> str:
        """The structure, the ensembles, and the end."""
        ensembles = " → ".join(dict.fromkeys(stage.ensemble for stage in self.stages))
        at = "" if self.final_temperature_K is None else f", {self.final_temperature_K:.1f} K at the end"
        return (
            f"{self.atoms.get_chemical_formula()}: {ensembles}, {self.n_steps} steps, {self.simulated_time_fs:g} fs{at}"
        )

    def sheet(self) -> Sheet:
        """Energies and speed, and a row per stage."""
        facts = {
            "model": self.model.in_words,
            "timestep_fs": self.config.timestep_fs,
            "total_energy_first_eV": exact(self.total_energy_first_eV),
            "total_energy_last_eV": exact(self.total_energy_last_eV),
            "conserved_quantity": self.conserved_quantity,
            "nanoseconds_per_day": self.ns_per_day,
            "wall_time_s": self.wall_time_s,
            "restarts_at_steps": self.restarts,
        }
        shown = [field.name for field in fields(StageResult) if field.name != "conserved_quantity"]
        stages = {name: [getattr(stage, name) for stage in self.stages] for name in shown}
        told = {name: column for name, column in stages.items() if any(value not in (None, "") for value in column)}
        return Sheet(facts, {"stages": told}, self.outside)

    def to_json(self) -> dict[str, object]:
        """JSON-ready content without the structure; drift and means are those of the last stage."""
        return {
            "n_steps": self.n_steps,
            "simulated_time_fs": self.simulated_time_fs,
            "formula": self.atoms.get_chemical_formula(),
            "n_atoms": len(self.atoms),
            "conserved_quantity": self.conserved_quantity,
            "drift_meV_per_atom_per_ps": self.drift_meV_per_atom_per_ps,
            "drift_stderr_meV_per_atom_per_ps": self.drift_stderr_meV_per_atom_per_ps,
            "mean_temperature_K": self.mean_temperature_K,
            "final_temperature_K": self.final_temperature_K,
            "total_energy_first_eV": self.total_energy_first_eV,
            "total_energy_last_eV": self.total_energy_last_eV,
            "stages": [asdict(stage) for stage in self.stages],
            "wall_time_s": self.wall_time_s,
            "ns_per_day": self.ns_per_day,
            "restarts": list(self.restarts),
            "reproducible": REPRODUCIBLE,
            "outside": list(self.outside),
            "uncertainty": self.uncertainty.model_dump() if self.uncertainty.n_checked else None,
            "command": self.command,
            "config": self.config.model_dump(mode="json"),
            "model": asdict(self.model),
            "versions": software_versions(),
        }


def nanoseconds_per_day(simulated_fs: float, wall_time_s: float) -> float:
    """Speed of a simulation in ns/day."""
    return simulated_fs * 1e-6 * 86400.0 / max(wall_time_s, 1e-9)
