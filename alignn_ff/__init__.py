"""Atomistic simulation with ALIGNN force fields.

>>> from alignn_ff import AlignnCalculator
>>> atoms.calc = AlignnCalculator("si")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.potential import Potential, load_potential

__version__ = "0.2.0"
__all__ = ["AlignnCalculator", "Potential", "__version__", "load_potential"]


def __getattr__(name: str) -> object:
    """Load the heavy parts when they are first asked for, so that the import stays quick."""
    if name == "AlignnCalculator":
        from alignn_ff.calculator import AlignnCalculator

        return AlignnCalculator
    if name in ("Potential", "load_potential"):
        from alignn_ff import potential

        return getattr(potential, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names, those that are not loaded yet too."""
    return sorted(__all__)
