"""A thermodynamic table in the form of the JANAF tables, with the Gibbs energy on the scale of the model beside it."""

from dataclasses import dataclass

import numpy as np

from alignn_ff.properties.result import Columns, PropertyResult
from alignn_ff.properties.thermochemistry.config import ROUTES, ThermoConfig
from alignn_ff.properties.thermochemistry.functions import Functions
from alignn_ff.units import J_PER_MOL_PER_EV, KJ_PER_MOL_PER_EV


@dataclass(frozen=True, kw_only=True)
class ThermoResult(PropertyResult):
    """A thermodynamic table.

    Attributes:
        config: how it was computed.
        functions: of ``atoms``.
    """

    config: ThermoConfig
    functions: Functions

    @property
    def formula(self) -> str:
        """Of the formula unit; of the whole molecule for a gas."""
        unit = self.atoms.symbols.formula
        return str(unit.format("metal") if self.config.route == "ideal-gas" else unit.reduce()[0].format("metal"))

    @property
    def n_units(self) -> int:
        """Formula units in ``atoms``."""
        return 1 if self.config.route == "ideal-gas" else int(self.atoms.symbols.formula.reduce()[1])

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Per mole of formula units at 298.15 K, and the zero-point energy."""
        f, n = self.functions, self.n_units
        row, held = f.reference, ROUTES[self.config.route].heat_capacity
        return {
            "route": self.config.route,
            "formula_unit": self.formula,
            "static_energy_eV_per_formula": f.static / n,
            "energy_of_motion_at_0_K_eV_per_formula": float(f.gibbs[0] - f.static) / n,
            f"heat_capacity_C{held}_at_298_K_J_per_K_per_mol": float(f.heat_capacity[row]) * J_PER_MOL_PER_EV / n,
            "entropy_at_298_K_J_per_K_per_mol": float(f.entropy[row]) * J_PER_MOL_PER_EV / n,
            "enthalpy_at_298_K_less_0_K_kJ_per_mol": float(f.enthalpy[row] - f.enthalpy[0]) * KJ_PER_MOL_PER_EV / n,
            "gibbs_energy_at_298_K_eV_per_formula": float(f.gibbs[row]) / n,
            **f.extra,
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Per mole of formula units, and per mole of atoms."""
        return {"formula-unit": self.table(self.n_units), "atom": self.table(len(self.atoms))}

    def table(self, n: int) -> Columns:
        """All functions, divided by n."""
        f, held = self.functions, ROUTES[self.config.route].heat_capacity
        enthalpy = f.enthalpy
        gained = (f.gibbs - enthalpy[f.reference]) / np.where(f.temperatures > 0, f.temperatures, np.nan)
        return {
            "temperature_K": f.temperatures,
            f"heat_capacity_C{held}_J_per_K_per_mol": f.heat_capacity * J_PER_MOL_PER_EV / n,
            "entropy_J_per_K_per_mol": f.entropy * J_PER_MOL_PER_EV / n,
            "minus_G_less_H298_over_T_J_per_K_per_mol": -gained * J_PER_MOL_PER_EV / n,
            "H_less_H298_kJ_per_mol": (enthalpy - enthalpy[f.reference]) * KJ_PER_MOL_PER_EV / n,
            "gibbs_energy_eV": f.gibbs / n,
        }
