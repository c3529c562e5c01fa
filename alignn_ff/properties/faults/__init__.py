"""Stacking faults: the energy of a crystal whose halves are shifted along a plane."""

from alignn_ff.properties.faults.config import FaultConfig
from alignn_ff.properties.faults.fault import stacking_fault
from alignn_ff.properties.faults.result import FaultResult

__all__ = ["FaultConfig", "FaultResult", "stacking_fault"]
