"""Dispersion added to any calculator, in one call."""

from ase.calculators.calculator import BaseCalculator

from alignn_ff.calculator.ase import AlignnCalculator
from alignn_ff.calculator.dispersion import Dispersion, DispersionSum, parse_dispersion


def with_dispersion(calculator: BaseCalculator, name: str) -> BaseCalculator:
    """A calculator plus D3 dispersion.

    Args:
        calculator: any ASE calculator.
        name: functional, damping, and "-atm" for the three-body term: "pbe-d3bj", "pbe-d3bj-atm".

    Raises:
        ConfigError: the name is not known, dftd3 is not installed, or the model contains dispersion.
    """
    if isinstance(calculator, AlignnCalculator):
        return AlignnCalculator(calculator.potential, dispersion=name)
    return DispersionSum(calculator, Dispersion(parse_dispersion(name)))
