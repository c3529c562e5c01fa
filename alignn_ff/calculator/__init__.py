"""The ASE calculator of a potential."""

from alignn_ff.calculator.ase import AlignnCalculator

__all__ = ["AlignnCalculator"]
