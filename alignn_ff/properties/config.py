"""What the configs of properties have in common; for crystals: how the structure is relaxed first."""

from pydantic import Field

from alignn_ff.domain.actions import OUTSIDE_HELP, OutsideWord
from alignn_ff.runs.config import RunConfig


class PropertySettings(RunConfig):
    """Base of the configs of all properties."""

    outside: OutsideWord = Field("stop", description=OUTSIDE_HELP)

    def further_elements(self) -> tuple[str, ...]:
        """Elements that the model needs beside those of the structures."""
        return ()


class PropertyConfig(PropertySettings):
    """Base of the configs of properties of a crystal, which is relaxed first."""

    relax: bool = Field(True, description="relax the structure first; false: it is taken as it is")
    fmax_eV_per_A: float = Field(
        1e-4, gt=0, description="limit on the forces (and on those on the cell, per atom) of the relaxations"
    )
    max_steps: int = Field(1000, ge=1, description="largest number of steps of each relaxation")
    keep_symmetry: bool = Field(True, description="refine the structure to its space group, and keep it")
    symmetry_tolerance_A: float = Field(0.01, gt=0, description="distance below which positions are equivalent")
