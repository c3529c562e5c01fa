"""What a user chooses for curves of pairs."""

from ase.data import atomic_numbers
from pydantic import Field, field_validator, model_validator

from alignn_ff.domain.actions import OUTSIDE_HELP, OutsideWord
from alignn_ff.errors import ConfigError
from alignn_ff.properties.config import PropertySettings


class DimerConfig(PropertySettings):
    """How curves of pairs are computed."""

    outside: OutsideWord = Field("ignore", description=OUTSIDE_HELP)

    elements: tuple[str, ...] | None = Field(
        None, description="elements whose pairs are computed, such as Si,O; null: all that the model covers"
    )
    shortest_A: float = Field(0.5, gt=0, description="shortest distance")
    longest_A: float | None = Field(
        None, description="longest distance; null: the cutoff of the model and a little more, or 6 Å if it is not known"
    )
    points: int = Field(300, ge=20, description="number of distances")

    @field_validator("elements")
    @classmethod
    def _are_elements(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = [symbol for symbol in symbols or () if symbol == "X" or symbol not in atomic_numbers]
        if unknown or symbols == ():
            raise ValueError(f"{', '.join(unknown) or 'nothing'} is not a chemical symbol")
        return symbols

    @model_validator(mode="after")
    def _has_a_range(self) -> "DimerConfig":
        if self.longest_A is not None and self.longest_A <= self.shortest_A:
            raise ConfigError(f"the longest distance ({self.longest_A:g} Å) is not above the shortest (--from, --to)")
        return self

    def further_elements(self) -> tuple[str, ...]:
        """The elements of the pairs."""
        return self.elements or ()
