"""Dynamics of many structures at once, on the device of the network.

>>> from alignn_ff.md.many import run_many_md
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.md.many.dynamics import run_many_md
    from alignn_ff.md.many.member import ManyResult

__all__ = ["ManyResult", "run_many_md"]

__getattr__, __dir__ = lazy_names(
    __name__, {"alignn_ff.md.many.dynamics": ("run_many_md",), "alignn_ff.md.many.member": ("ManyResult",)}
)
