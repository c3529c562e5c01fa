"""What a user chooses for stacking faults."""

from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

from pydantic import Field, field_validator

from alignn_ff.choices import KeyOf
from alignn_ff.errors import ConfigError
from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.surfaces.miller import parse_miller
from alignn_ff.properties.surfaces.slab import Cut


class Gap(NamedTuple):
    """Between which planes of atoms a crystal slips.

    Attributes:
        choose: one of the distinct cuts, which come with the widest gap first.
        help: which.
    """

    choose: Callable[[list[Cut]], Cut]
    help: str


GAPS: Final[dict[str, Gap]] = {
    "glide": Gap(lambda cuts: cuts[-1], "the narrowest gap"),
    "shuffle": Gap(lambda cuts: cuts[0], "the widest gap"),
}
"""Name → gap; the names are those of the two sets of {111} planes in diamond."""


class FaultConfig(PropertyConfig):
    """How the energy of stacking faults is computed."""

    miller: str = Field("1,1,1", description="Miller indices of the plane, in the conventional cell")
    along: str = Field(
        "1,1,-2", description="direction of the shift, in vectors of the conventional cell; it lies in the plane"
    )
    plane: Annotated[str, KeyOf(GAPS)] = Field("glide", description="gap between planes of atoms that slips")
    points: int = Field(25, ge=5, description="number of shifts from none to a whole lattice vector")
    thickness_A: float = Field(20.0, gt=0, description="smallest distance between a fault and its image")
    min_gap_A: float = Field(0.2, gt=0, description="planes of atoms that are closer are not separated")
    max_energy_J_per_m2: float = Field(
        10.0, gt=0, description="shifts whose unrelaxed energy (J/m²) is higher are not relaxed: atoms collide there"
    )
    fault_fmax_eV_per_A: float = Field(1e-3, gt=0, description="limit on the forces along the normal")
    max_atoms: int = Field(1000, ge=1, description="larger cells are refused")

    @field_validator("miller", "along")
    @classmethod
    def _one_triple(cls, value: str) -> str:
        if len(parse_miller(value)) != 1:
            raise ConfigError(f"a stacking fault takes one plane and one direction, not {value!r}")
        return value
