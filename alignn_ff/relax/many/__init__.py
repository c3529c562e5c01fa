"""Many relaxations at once: their evaluations share passes through the network, their optimiser is one set of arrays.

>>> from alignn_ff.relax.many import relax_many
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.relax.many.flight import RelaxFlight, relax_many, shares_passes

__all__ = ["RelaxFlight", "relax_many", "shares_passes"]

__getattr__, __dir__ = lazy_names(
    __name__, {"alignn_ff.relax.many.flight": ("RelaxFlight", "relax_many", "shares_passes")}
)
