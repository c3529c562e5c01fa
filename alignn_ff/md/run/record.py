"""Data of the summary of a run, collected step by step in constant memory, across restarts."""

from pydantic import BaseModel, ConfigDict

from alignn_ff.md.config import MDConfig
from alignn_ff.md.ensembles.table import ENSEMBLES
from alignn_ff.md.result import StageResult
from alignn_ff.md.run.drift import BlockMeans, SeriesState
from alignn_ff.trajectory.snapshot import Snapshot
from alignn_ff.units import MEV_PER_EV

SERIES = {
    "conserved": "conserved_eV",
    "temperature": "temperature_K",
    "pressure": "pressure_GPa",
    "volume": "volume_A3",
}
"""Series recorded per stage → attribute of a snapshot."""


class StageRecordState(BaseModel):
    """A stage record in a restart file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_steps: int
    last_temperature_K: float | None
    series: dict[str, SeriesState]


class RunRecordState(BaseModel):
    """A run record in a restart file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_total_eV: float | None
    last_total_eV: float
    wall_time_s: float
    restarts: list[int]
    stages: list[StageRecordState]


class StageRecord:
    """The series of one stage, and its last temperature."""

    def __init__(self) -> None:
        self.series = {name: BlockMeans() for name in SERIES}
        self.last_temperature_K: float | None = None
        self.n_steps = 0

    def add(self, snapshot: Snapshot, *, is_step: bool) -> None:
        """Add a step, or the start."""
        for name, attribute in SERIES.items():
            value = getattr(snapshot, attribute)
            if value is not None:
                self.series[name].add(snapshot.time_fs, value)
        self.last_temperature_K = snapshot.temperature_K
        self.n_steps += is_step

    def mean(self, name: str) -> float | None:
        """Mean of a series, None without samples."""
        return self.series[name].trend().mean if self.series[name].n_samples else None


class RunRecord:
    """The stages of a run so far, its first and last energies, and its wall time."""

    def __init__(self, config: MDConfig, n_atoms: int) -> None:
        self._config, self._n_atoms = config, n_atoms
        self.stages = [StageRecord() for _ in config.schedule]
        self.first_total_eV: float | None = None
        self.last_total_eV = 0.0
        self.earlier_wall_time_s = 0.0
        self.restarts: list[int] = []

    def add(self, snapshot: Snapshot) -> None:
        """Add a step."""
        if self.first_total_eV is None:
            self.first_total_eV = snapshot.total_eV
        self.last_total_eV = snapshot.total_eV
        self.stages[snapshot.stage].add(snapshot, is_step=snapshot.step > 0)

    def results(self) -> tuple[StageResult, ...]:
        """The stages as results."""
        return tuple(self._result(number) for number in range(len(self.stages)))

    def state(self, *, wall_time_s: float) -> RunRecordState:
        """The state, for a restart file; ``wall_time_s`` is that of this session."""
        return RunRecordState(
            first_total_eV=self.first_total_eV,
            last_total_eV=self.last_total_eV,
            wall_time_s=self.earlier_wall_time_s + wall_time_s,
            restarts=self.restarts,
            stages=[
                StageRecordState(
                    n_steps=stage.n_steps,
                    last_temperature_K=stage.last_temperature_K,
                    series={name: series.state() for name, series in stage.series.items()},
                )
                for stage in self.stages
            ],
        )

    def restore(self, state: RunRecordState) -> None:
        """Continue from the result of :meth:`state`, in place."""
        self.first_total_eV, self.last_total_eV = state.first_total_eV, state.last_total_eV
        self.earlier_wall_time_s, self.restarts = state.wall_time_s, list(state.restarts)
        for stage, kept in zip(self.stages, state.stages, strict=True):
            stage.n_steps, stage.last_temperature_K = kept.n_steps, kept.last_temperature_K
            stage.series = {name: BlockMeans.from_state(series) for name, series in kept.series.items()}

    def _result(self, number: int) -> StageResult:
        stage, record = self._config.schedule[number], self.stages[number]
        drift = record.series["conserved"].trend() if record.series["conserved"].n_samples else None
        scale = MEV_PER_EV * 1e3 / self._n_atoms  # eV/fs → meV/atom/ps
        slope, error = (None, None) if drift is None else (drift.slope, drift.slope_stderr)
        return StageResult(
            name=stage.name,
            ensemble=stage.ensemble,
            n_steps=record.n_steps,
            time_fs=record.n_steps * stage.timestep_fs,
            conserved_quantity=ENSEMBLES[stage.ensemble].conserved_quantity,
            drift_meV_per_atom_per_ps=None if slope is None else slope * scale,
            drift_stderr_meV_per_atom_per_ps=None if error is None else error * scale,
            mean_temperature_K=record.mean("temperature"),
            mean_pressure_GPa=record.mean("pressure"),
            mean_volume_A3=record.mean("volume"),
            final_temperature_K=record.last_temperature_K,
        )
