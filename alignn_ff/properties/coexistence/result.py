"""A melting temperature, with what is needed to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Self

from ase import Atoms

from alignn_ff.properties.coexistence.config import MeltingConfig
from alignn_ff.properties.coexistence.equilibrium import Equilibrium
from alignn_ff.properties.result import Columns, PropertyResult, Remark


@dataclass(frozen=True, kw_only=True)
class MeltingResult(PropertyResult):
    """A melting temperature.

    Attributes:
        config: how it was computed.
        equilibrium: crystal and liquid at constant enthalpy; ``atoms`` is its last structure.
    """

    config: MeltingConfig
    equilibrium: Equilibrium

    @property
    def temperature_K(self) -> float | None:  # noqa: N802 - the unit's letter
        """The melting temperature; None if a phase was lost."""
        return self.equilibrium.temperature.mean if self.equilibrium.survived else None

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """The temperature with its error, and whether both phases were there."""
        found = self.equilibrium
        return {
            "melting_temperature_K": self.temperature_K,
            "block_error_K": found.temperature.stderr if found.survived else None,
            "mean_temperature_K": found.temperature.mean,
            "both_phases": "yes" if found.survived else "NO",
            "crystal_at_start_percent": 100.0 * float(found.fractions[0]),
            "crystal_at_end_percent": 100.0 * float(found.fractions[-1]),
            "guess_K": self.config.temperature_K,
            "time_ps": float(found.log_times_ps[-1]),
        }

    @property
    def checks(self) -> dict[str, float]:
        """Temperatures of both phases as far as they were there, when one was gone, pressure, drift of the enthalpy."""
        found = self.equilibrium
        gone = (nan, nan) if found.gone is None else found.gone[1:]
        figures = {
            "temperature_of_crystal_K": found.crystal[0],
            "its_block_error_K": found.crystal[1],
            "temperature_of_liquid_K": found.liquid[0],
            "the_block_error_K": found.liquid[1],
            "one_phase_since_ps": gone[0],
            "mean_temperature_since_then_K": gone[1],
            "slope_of_temperature_K_per_ps": found.slope_K_per_ps,
            "mean_pressure_GPa": found.pressure_GPa,
            "stress_along_normal_less_in_plane_GPa": found.anisotropy_GPa,
            "drift_of_enthalpy_meV_per_atom_per_ps": found.drift_meV_per_atom_per_ps,
        }
        return {name: value for name, value in figures.items() if isfinite(value)}

    @property
    def tables(self) -> dict[str, Columns]:
        """Temperature over time, and the order of each slab over time."""
        found = self.equilibrium
        slabs = {f"slab_{k + 1}": column for k, column in enumerate(found.order.T)}
        return {
            "temperature": {"time_ps": found.log_times_ps, "temperature_K": found.log_temperatures},
            "order": {"time_ps": found.times_ps, **slabs},
        }

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The last structure."""
        return {"last": [self.atoms]}

    def with_remarks(self, remarks: Sequence[Remark]) -> Self:
        """The same result with remarks."""
        return replace(self, remarks=tuple(remarks))
