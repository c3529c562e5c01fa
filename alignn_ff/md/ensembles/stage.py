"""A stage: a part of a run in one ensemble, with temperature and pressure constant or on linear ramps."""

from typing import Annotated, Final

from pydantic import Field, field_validator

from alignn_ff.choices import KeyOf
from alignn_ff.errors import ConfigError
from alignn_ff.md.ensembles.settings import CellMotion, Targets
from alignn_ff.md.ensembles.table import ENSEMBLES
from alignn_ff.runs.config import RunConfig

FIRST_CHOICES: Final = ("nvt_bussi", "npt_mtk")
"""Ensembles that sample correctly, and disturb the motion of the atoms little."""

EnsembleName = Annotated[str, KeyOf(ENSEMBLES)]
Temperature = Annotated[float, Field(ge=0)]
Temperatures = Annotated[tuple[Temperature, ...], Field(min_length=1)]
Pressures = Annotated[tuple[float, ...], Field(min_length=1)]


class Stage(RunConfig):
    """A part of a run. Several values of a temperature or pressure are the ends of linear ramps of equal length."""

    name: str = Field("", description="name of the stage in the summary")
    steps: int = Field(ge=0, description="number of time steps")
    ensemble: EnsembleName = Field("nve", description="ensemble and integrator")
    timestep_fs: float = Field(1.0, gt=0, description="length of a time step, fs")
    temperature_K: Temperature | Temperatures = Field(
        300.0, description="of thermostat and starting velocities, K; several values make linear ramps"
    )
    pressure_GPa: float | Pressures = Field(0.0, description="of the barostat, GPa; several values make linear ramps")
    thermostat_time_fs: float = Field(100.0, gt=0, description="relaxation time of the thermostat, fs")
    barostat_time_fs: float = Field(1000.0, gt=0, description="relaxation time of the barostat, fs")
    cell_motion: CellMotion = Field(
        "isotropic",
        description="what a barostat changes: the volume, the full cell, or the lengths of the periodic axes (slabs)",
    )
    cell_axes: str | None = Field(
        None,
        pattern="^a?b?c?$",
        min_length=1,
        description="axes whose lengths cell_motion axes changes, such as ab; None: the periodic ones",
    )
    compressibility_per_GPa: float = Field(0.01, gt=0, description="assumed by a Berendsen barostat, 1/GPa")

    @field_validator("ensemble", mode="before")
    @classmethod
    def _family_of_ensembles(cls, value: object) -> object:
        """Explain which ensembles a word such as "nvt" could mean."""
        members = [name for name in ENSEMBLES if isinstance(value, str) and value and value.lower() in name]
        if value in ENSEMBLES or not members:
            return value
        listed = "; ".join(f"{name} ({ENSEMBLES[name].help})" for name in members)
        raise ConfigError(f"ensemble is {value!r}, which several are called: {listed}{_first_choice(members)}")

    @property
    def time_fs(self) -> float:
        """Length of the stage, fs."""
        return self.steps * self.timestep_fs

    @property
    def ramps(self) -> tuple[str, ...]:
        """Names of the fields that change during the stage."""
        fields = {"temperature_K": self.temperature_K, "pressure_GPa": self.pressure_GPa}
        return tuple(name for name, value in fields.items() if isinstance(value, tuple) and len(set(value)) > 1)

    def targets(self, step: int) -> Targets:
        """Targets of the step that ends at ``step`` of this stage; the last step has the last values as targets."""
        return Targets(
            along(self.temperature_K, step, self.steps),
            along(self.pressure_GPa, step, self.steps),
        )

    @property
    def hottest_K(self) -> float:  # noqa: N802 - the unit's letter
        """The highest target temperature."""
        return max(self.temperature_K) if isinstance(self.temperature_K, tuple) else self.temperature_K


def _first_choice(members: list[str]) -> str:
    """The ensemble to take if there is no reason for another one."""
    chosen = [name for name in FIRST_CHOICES if name in members]
    return f". Without a reason for another one, take {chosen[0]}" if chosen else ""


def along(points: float | tuple[float, ...], step: int, steps: int) -> float:
    """Value after ``step`` of ``steps`` on linear ramps of equal length between points."""
    if not isinstance(points, tuple):
        return points
    if len(points) == 1 or steps == 0:
        return points[0]
    place = step / steps * (len(points) - 1)
    corner = min(int(place), len(points) - 2)
    fraction = place - corner
    return points[corner] * (1.0 - fraction) + points[corner + 1] * fraction
