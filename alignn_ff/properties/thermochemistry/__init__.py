"""Thermodynamic tables: heat capacity, entropy, enthalpy and Gibbs energy over the temperature."""

from alignn_ff.properties.thermochemistry.config import ThermoConfig
from alignn_ff.properties.thermochemistry.result import ThermoResult
from alignn_ff.properties.thermochemistry.thermo import thermo

__all__ = ["ThermoConfig", "ThermoResult", "thermo"]
