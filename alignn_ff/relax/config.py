"""What a user chooses for a relaxation: frozen, closed, each field with its unit."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from alignn_ff.errors import ConfigError
from alignn_ff.relax.strain import CELL_MODES, CellMode
from alignn_ff.runs.config import RunConfig

OptimizerName = Literal["lbfgs", "fire", "bfgs_linesearch", "precon_lbfgs"]


def _mode(value: object) -> object:
    """True and False for "free" and "none"."""
    return {True: "free", False: "none"}[value] if isinstance(value, bool) else value


class RelaxConfig(RunConfig):
    """How a structure is relaxed."""

    fmax_eV_per_A: float = Field(
        0.01, gt=0, description="converged when no force, nor strain times stress per atom, exceeds this, eV/Å"
    )
    max_steps: int = Field(500, ge=0, description="most steps of the optimiser")
    optimizer: OptimizerName = Field("lbfgs", description="how forces become steps")
    relax_cell: Annotated[CellMode, BeforeValidator(_mode)] = Field(
        "none",
        description="none; "
        + "; ".join(f"{name}: {freedom.words}" for name, freedom in CELL_MODES.items())
        + ". True is free, False none",
    )
    pressure_GPa: float = Field(0.0, description="pressure that the cell relaxes against, GPa")
    keep_symmetry: bool = Field(False, description="keep the space group of the start")
    symmetry_tolerance_A: float = Field(0.01, gt=0, description="distance below which positions are symmetric, Å")

    @model_validator(mode="after")
    def _pressure_needs_a_volume(self) -> "RelaxConfig":
        if self.pressure_GPa != 0.0 and self.relax_cell in ("none", "fixed-volume", "slab"):
            raise ConfigError(
                f"a pressure of {self.pressure_GPa:g} GPa needs a volume that can change, but relax_cell is "
                f"{self.relax_cell!r}; take free or hydrostatic (--cell)"
            )
        return self
