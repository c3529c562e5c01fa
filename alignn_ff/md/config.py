"""Settings of a dynamics run: one or several stages, the start, the outputs, the guards."""

from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, field_validator, model_validator

from alignn_ff.domain.actions import OUTSIDE, OUTSIDE_HELP, OutsideWord
from alignn_ff.errors import ConfigError
from alignn_ff.md.ensembles.stage import Stage
from alignn_ff.md.ensembles.table import ENSEMBLES, special_settings
from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.md.guards.table import GUARDS
from alignn_ff.trajectory.formats import FormatName
from alignn_ff.trajectory.quantities import QuantityName

Repeats = Annotated[int, Field(ge=1)]

INHERITED: Final = frozenset(Stage.model_fields) - {"name", "steps"}
"""Fields that a stage takes from the run if it does not set them itself."""


class MDConfig(Stage):
    """How a structure moves in time.

    Without ``stages``, the fields of a stage describe the only stage. With ``stages``, they are the defaults of every
    stage, and ``steps`` is the sum over the stages.
    """

    supercell: tuple[Repeats, Repeats, Repeats] = Field((1, 1, 1), description="repeats along the lattice vectors")
    seed: int = Field(0, ge=0, description="seed of velocities and thermostat")
    keep_velocities: bool = Field(False, description="start from the velocities of the structure")
    exact_temperature: bool = Field(
        False, description="rescale the drawn velocities to exactly the temperature, instead of a canonical draw"
    )
    write_every: int = Field(10, ge=1, description="steps between frames of the trajectory")
    log_every: int = Field(10, ge=1, description="steps between rows of the log")
    formats: Annotated[tuple[FormatName, ...], Field(min_length=1)] = Field(
        ("extxyz",), description="formats of the trajectory"
    )
    quantities: tuple[QuantityName, ...] = Field(
        ("velocities", "forces", "stress"), description="contents of a frame in addition to positions, cell and energy"
    )
    checkpoint_every: int = Field(1000, ge=1, description="largest number of steps between restart files")
    checkpoint_minutes: float = Field(1.0, gt=0, description="largest number of minutes between restart files")
    guards: GuardLimits = Field(GuardLimits(), description="limits at which a run stops")
    outside: OutsideWord = Field("stop", description=OUTSIDE_HELP)
    allow_unseen_pairs: bool = Field(
        False, description="run also with pairs of elements that were never neighbours in the training data"
    )
    uncertain_above: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="warn where a standard deviation is larger: of a committee that of a force, eV/Å, of one model "
        "with a last layer that of an atom's energy, eV",
    )
    harvest: Path | None = Field(
        None, description="extended XYZ file of the frames above --uncertain-above, to be labelled; none without it"
    )
    harvest_gap_fs: float = Field(100.0, ge=0, description="shortest simulated time between two harvested frames")
    stages: tuple[Stage, ...] = Field(
        (), description="stages, run one after another; if empty, the fields above describe the only stage"
    )

    @model_validator(mode="before")
    @classmethod
    def _stages_inherit(cls, values: Any) -> Any:
        stages = values.get("stages") if isinstance(values, dict) else None
        if not stages:
            return values
        shared = {name: value for name, value in values.items() if name in INHERITED}
        chosen = tuple(_stage(number, stage, shared) for number, stage in enumerate(stages, start=1))
        return {**values, "stages": chosen, "steps": sum(stage.steps for stage in chosen)}

    @field_validator("harvest")
    @classmethod
    def _the_same_file_from_everywhere(cls, path: Path | None) -> Path | None:
        return None if path is None else path.absolute()

    @model_validator(mode="after")
    def _harvest_has_a_threshold(self) -> Self:
        if self.harvest is not None and self.uncertain_above is None:
            raise ConfigError(f"harvest is {self.harvest}, but there is no threshold: set uncertain_above too")
        return self

    @model_validator(mode="after")
    def _guards_exist(self) -> Self:
        unknown = sorted(self.guards.further.keys() - GUARDS.keys())
        if unknown:
            raise ConfigError(f"unknown guard {', '.join(unknown)}; allowed are {', '.join(GUARDS)}")
        return self

    @property
    def schedule(self) -> tuple[Stage, ...]:
        """The stages of the run, at least one."""
        if self.stages:
            return self.stages
        given = {name: getattr(self, name) for name in Stage.model_fields}
        return (Stage.model_construct(set(Stage.model_fields) & self.model_fields_set, **given),)

    @property
    def limits(self) -> GuardLimits:
        """Limits of the guards, without that of the training data where the user chose not to stop there."""
        return self.guards if OUTSIDE[self.outside].stops else self.guards.model_copy(update={"max_outside": None})

    @property
    def run_time_fs(self) -> float:
        """Length of the run, fs."""
        return sum(stage.time_fs for stage in self.schedule)


def _stage(number: int, given: Any, shared: dict[str, Any]) -> Stage:
    """A stage, completed with the fields that it takes from the run.

    Raises:
        ConfigError: naming the stage.
    """
    if isinstance(given, Stage):
        given = given.model_dump(include=given.model_fields_set)
    if not isinstance(given, dict):
        raise ConfigError(f"stage {number} is {given!r}; a stage is a table of {', '.join(Stage.model_fields)}")
    try:
        ensemble = Stage.model_validate({"steps": 0, **shared, **given}).ensemble
        taken = {  # a pressure applies only to stages with a barostat
            name: value
            for name, value in shared.items()
            if name not in special_settings() or name in ENSEMBLES[ensemble].reads
        }
        return Stage.model_validate({**taken, **given})
    except ConfigError as error:
        raise ConfigError(f"stage {number}: {error}") from error
