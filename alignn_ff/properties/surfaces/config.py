"""What a user chooses for surfaces."""

from pydantic import Field, field_validator

from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.surfaces.miller import parse_miller


class SurfaceConfig(PropertyConfig):
    """How surface energies are computed."""

    miller: str | None = Field(
        None,
        description="Miller indices of the conventional cell, several separated by a colon: 1,1,1:1,0,0 (default: all "
        "up to max_index)",
    )
    max_index: int = Field(1, ge=1, le=4, description="largest Miller index, if none are given")
    thickness_A: float = Field(15.0, gt=0, description="smallest thickness of the thinnest of three slabs")
    vacuum_A: float = Field(15.0, gt=0, description="distance between the faces of a slab and of its image")
    min_gap_A: float = Field(0.2, gt=0, description="planes of atoms that are closer are not separated")
    slab_fmax_eV_per_A: float = Field(1e-3, gt=0, description="limit on the forces of relaxed slabs")
    max_atoms: int = Field(1000, ge=1, description="larger slabs are refused")

    @field_validator("miller")
    @classmethod
    def _indices(cls, value: str | None) -> str | None:
        if value is not None:
            parse_miller(value)
        return value
