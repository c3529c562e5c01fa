"""Relaxations on the device of the network: positions, cells and optimiser stay there for many steps.

>>> from alignn_ff.relax.resident import ResidentFlight
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.relax.resident.flight import ResidentFlight

__all__ = ["ResidentFlight"]

__getattr__, __dir__ = lazy_names(__name__, {"alignn_ff.relax.resident.flight": ("ResidentFlight",)})
