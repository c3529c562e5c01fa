"""What a user chooses for a nudged elastic band."""

from typing import Annotated, Final, NamedTuple

from pydantic import Field

from alignn_ff.choices import KeyOf
from alignn_ff.properties.config import PropertySettings


class Order(NamedTuple):
    """How atoms of the two ends belong together.

    Attributes:
        help: what it is.
        reorders: whether atoms of END are reordered.
        checks: whether a large motion is refused.
    """

    help: str
    reorders: bool
    checks: bool


ORDERS: Final[dict[str, Order]] = {
    "same": Order("the same order in both files, refused where another order moves the atoms less", False, True),
    "nearest": Order("atoms of END are reordered so that they move least", True, True),
    "given": Order("the same order in both files, never refused, for atoms that exchange places", False, False),
}
"""Name → order of the atoms."""


class NEBConfig(PropertySettings):
    """How a path is found."""

    images: int = Field(7, ge=1, description="number of images between the ends")
    climb: bool = Field(True, description="let the highest image climb to the saddle")
    fmax_eV_per_A: float = Field(0.02, gt=0, description="limit on the forces on the band, for each atom")
    relax: bool = Field(True, description="relax both ends first, atoms only; false: they are taken as they are")
    ends_fmax_eV_per_A: float = Field(0.01, gt=0, description="limit on the forces of the relaxed ends")
    max_steps: int = Field(500, ge=1, description="largest number of steps of each end, and of the band")
    spring_eV_per_A2: float = Field(0.1, gt=0, description="stiffness of the springs between images, eV/Å²")
    order: Annotated[str, KeyOf(ORDERS)] = Field("same", description="how atoms of both ends belong together")
    hessian_atoms: int = Field(
        64, ge=0, description="largest number of atoms for which the vibrations of the saddle are computed; 0: never"
    )
