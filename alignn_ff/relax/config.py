"""What a user chooses for a relaxation: frozen, closed, each field with its unit."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from alignn_ff.domain.actions import OUTSIDE_HELP, OutsideWord
from alignn_ff.errors import ConfigError
from alignn_ff.relax.optimizers import OptimizerName
from alignn_ff.relax.strain import CELL_MODES, CellModeName
from alignn_ff.runs.config import RunConfig


def _mode(value: object) -> object:
    """True means "free", False means "none"."""
    return {True: "free", False: "none"}[value] if isinstance(value, bool) else value


class RelaxConfig(RunConfig):
    """How a structure is relaxed."""

    fmax_eV_per_A: float = Field(
        0.01, gt=0, description="converged when no force on an atom, nor on the cell per atom, exceeds this, eV/Å"
    )
    max_steps: int = Field(500, ge=0, description="largest number of steps of the optimiser")
    optimizer: OptimizerName = Field("lbfgs", description="optimiser")
    relax_cell: Annotated[CellModeName, BeforeValidator(_mode)] = Field(
        "none",
        description="what relaxes of the cell (in Python, True is free and False is none)",
    )
    pressure_GPa: float = Field(0.0, description="pressure on the cell while it relaxes, GPa")
    keep_symmetry: bool = Field(False, description="keep the space group of the initial structure")
    outside: OutsideWord = Field("stop", description=OUTSIDE_HELP)
    symmetry_tolerance_A: float = Field(
        0.01, gt=0, description="distance below which positions are equivalent by symmetry, Å"
    )
    checkpoint_minutes: float = Field(1.0, gt=0, description="largest number of minutes between restart files")

    @model_validator(mode="after")
    def _pressure_needs_a_volume(self) -> "RelaxConfig":
        if self.pressure_GPa != 0.0 and not CELL_MODES[self.relax_cell].changes_volume:
            suitable = " or ".join(name for name, mode in CELL_MODES.items() if mode.changes_volume)
            raise ConfigError(
                f"a pressure of {self.pressure_GPa:g} GPa needs a volume that can change, but relax_cell is "
                f"{self.relax_cell!r}; use {suitable} (--cell)"
            )
        return self
