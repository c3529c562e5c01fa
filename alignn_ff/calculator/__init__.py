"""The ASE calculator of a potential, and dispersion added to any calculator."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.calculator.adding import with_dispersion
    from alignn_ff.calculator.ase import AlignnCalculator
    from alignn_ff.calculator.dispersion import DispersionSum

__all__ = ["AlignnCalculator", "DispersionSum", "with_dispersion"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.calculator.adding": ("with_dispersion",),
        "alignn_ff.calculator.ase": ("AlignnCalculator",),
        "alignn_ff.calculator.dispersion": ("DispersionSum",),
    },
)
