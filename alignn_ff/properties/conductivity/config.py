"""What a user chooses for a thermal conductivity."""

from typing import Annotated, Final, NamedTuple

from pydantic import Field

from alignn_ff.choices import KeyOf
from alignn_ff.properties.phonons.config import HarmonicConfig


class Solver(NamedTuple):
    """One way to solve the transport equation.

    Attributes:
        help: what it is.
        direct: whether the collision matrix is diagonalised.
        transport: phono3py's name of a transport equation beyond Boltzmann's; None is Boltzmann's.
    """

    help: str
    direct: bool = False
    transport: str | None = None


SOLVERS: Final[dict[str, Solver]] = {
    "rta": Solver("relaxation times of single modes; 10 to 20 % low where normal processes dominate"),
    "direct": Solver(
        "the linearised Boltzmann equation; memory and time grow with the square of the mesh", direct=True
    ),
    "wigner": Solver(
        "relaxation times and coherences between modes (Simoncelli, Marzari, Mauri 2019), for complex crystals",
        transport="smm19",
    ),
}
"""Name → solver."""


class KappaConfig(HarmonicConfig):
    """How a thermal conductivity is computed."""

    displacement_A: float = Field(
        0.03, gt=0, le=0.1, description="distance by which atoms are displaced; 0.01 amplifies noise of the forces"
    )
    third_order_width_A: float = Field(
        10.0, gt=0, description="smallest distance between faces of the supercell of the third-order constants"
    )
    pair_cutoff_A: float | None = Field(
        None, gt=0, description="displace pairs of atoms up to this distance only; null: all pairs"
    )
    meshes_A: tuple[float, float] = Field(
        (40.0, 50.0), description="lengths of two q-point meshes whose results are compared, such as 40:50"
    )
    solver: Annotated[str, KeyOf(SOLVERS)] = Field("rta", description="solution of the transport equation")
    isotopes: bool = Field(True, description="scattering by the natural mixture of isotopes")
    boundary_um: float | None = Field(
        None, gt=0, description="size of grains or of the sample, which limits mean free paths, in micrometres"
    )
    min_temperature_K: float = Field(100.0, gt=0, description="lowest temperature")
    temperature_step_K: float = Field(50.0, gt=0, description="step of the temperatures")
