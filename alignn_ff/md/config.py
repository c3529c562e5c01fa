"""What a user chooses for a relaxation or a dynamics run: frozen, closed, each field with its unit.

A value that is not allowed raises :class:`ConfigError`, wherever the config is made.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails

from alignn_ff.errors import ConfigError

EnsembleName = Literal["nve", "nvt_langevin"]
Repeats = Annotated[int, Field(ge=1)]


class RunConfig(BaseModel):
    """Base of both configs: frozen, closed, finite numbers only, errors for people."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _errors_for_people(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            raise ConfigError("; ".join(_in_words(cls, problem) for problem in error.errors())) from error


class MDConfig(RunConfig):
    """How a structure moves in time."""

    steps: int = Field(ge=0, description="number of time steps")
    ensemble: EnsembleName = Field("nve", description="what is kept constant, and by which integrator")
    timestep_fs: float = Field(1.0, gt=0, description="length of a time step, fs")
    temperature_K: float = Field(300.0, ge=0, description="of the initial velocities and of the thermostat, K")
    friction_per_fs: float = Field(0.01, gt=0, description="friction of a Langevin thermostat, 1/fs")
    supercell: tuple[Repeats, Repeats, Repeats] = Field((1, 1, 1), description="repeats along the lattice vectors")
    seed: int = Field(0, ge=0, description="seed of velocities and thermostat")
    keep_velocities: bool = Field(False, description="start from the velocities of the structure")
    write_every: int = Field(10, ge=1, description="steps between frames of the trajectory")
    log_every: int = Field(10, ge=1, description="steps between rows of the log")


def _in_words(config: type[BaseModel], problem: ErrorDetails) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else config.__name__
    if name not in config.model_fields:
        return f"{name} is no setting; allowed are {', '.join(config.model_fields)}"
    if problem["type"] == "missing":
        return f"{name} is missing ({config.model_fields[name].description})"
    reason = problem["msg"].replace("Input should", "it should")
    return f"{name} is {problem['input']!r}, but {reason} ({config.model_fields[name].description})"
