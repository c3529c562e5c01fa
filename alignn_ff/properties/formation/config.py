"""What a user chooses for formation energies and hulls."""

from pydantic import Field

from alignn_ff.properties.config import PropertyConfig


class FormationConfig(PropertyConfig):
    """How formation energies are computed."""

    fmax_eV_per_A: float = Field(
        0.005, gt=0, description="limit on the forces (and on those on the cell, per atom) of the relaxations"
    )
    references: tuple[str, ...] = Field(
        (), description="files of elemental crystals or molecules; for other elements ASE's ground state is built"
    )
