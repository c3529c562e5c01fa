"""What a user chooses for thermodynamic tables."""

from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import Field, model_validator

from alignn_ff.choices import KeyOf
from alignn_ff.errors import ConfigError
from alignn_ff.properties.property import deferred
from alignn_ff.properties.quasi_harmonic import QHAConfig


class Route(NamedTuple):
    """One way to the Gibbs energy.

    Attributes:
        help: what it is.
        compute: gives its function (atoms, config, temperatures, work) → functions of the temperature.
        heat_capacity: what is held constant: "V" or "P".
    """

    help: str
    compute: Callable[[], Any]
    heat_capacity: str


SOLID: Final = "alignn_ff.properties.thermochemistry.solid"
ROUTES: Final[dict[str, Route]] = {
    "harmonic": Route("phonons of a crystal at its static volume", deferred(SOLID, "harmonic"), "V"),
    "quasi-harmonic": Route("phonons of a crystal at several volumes", deferred(SOLID, "quasi_harmonic"), "P"),
    "ideal-gas": Route(
        "translation, rotation and harmonic vibrations of a molecule",
        deferred("alignn_ff.properties.thermochemistry.gas", "ideal_gas"),
        "P",
    ),
}
"""Name → route."""


class ThermoConfig(QHAConfig):
    """How a thermodynamic table is computed."""

    route: Annotated[str, KeyOf(ROUTES)] = Field("harmonic", description="how the Gibbs energy is computed")
    temperature_step_K: float = Field(100.0, gt=0, description="step of the table, to which 298.15 K is added")
    gas_pressure_bar: float = Field(1.0, gt=0, description="pressure of an ideal gas, bar")
    spin: float = Field(
        0.0, ge=0, multiple_of=0.5, description="total electronic spin of a molecule: 0.5 for a radical, 1 for O2"
    )

    @model_validator(mode="after")
    def _one_pressure_of_quantum_nuclei(self) -> Self:
        if len(self.pressures_GPa) > 1:
            raise ConfigError(f"a thermodynamic table has one pressure, not {len(self.pressures_GPa)} (--pressure)")
        if self.statistics != "quantum":
            raise ConfigError("a thermodynamic table has quantum statistics; `alignn-ff qha` offers classical ones")
        return self
