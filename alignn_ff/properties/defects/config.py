"""What a user chooses for point defects."""

from typing import Annotated

from pydantic import Field

from alignn_ff.choices import KeyOf
from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.defects.starts import STARTS


class DefectConfig(PropertyConfig):
    """How neutral point defects are computed."""

    element: str | None = Field(
        None, description="only defects of this element: that is missing, or added (default: of every element)"
    )
    min_width_A: float = Field(10.0, gt=0, description="smallest distance between opposite faces of the supercell")
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (),
        description="supercells by the number of conventional cells along the longest edge, the other edges as wide: "
        "2,3,4; several sizes are extrapolated to a dilute defect (default: one supercell of min_width)",
    )
    max_atoms: int = Field(1000, ge=1, description="larger supercells are refused")
    reference: tuple[str, ...] = Field(
        (),
        description="structure files of phases that fix the chemical potentials of a compound, such as Mg.cif,O2.xyz; "
        "they are relaxed with the same model",
    )
    starts: tuple[Annotated[str, KeyOf(STARTS)], ...] = Field(
        tuple(STARTS), min_length=1, description="where the relaxation of a defect starts; the lowest energy is kept"
    )
    defect_fmax_eV_per_A: float = Field(1e-3, gt=0, description="limit on the forces of relaxed defects")
