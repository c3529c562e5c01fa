"""AOTInductor: a force field as machine code of one kind of processor, with angles and derivatives inside.

In: a force field in memory. Out: a ``.pt2`` file that torch loads without the code of the network.
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.export.aoti.file import Compiled, read, read_about

__all__ = ["Compiled", "read", "read_about"]

__getattr__, __dir__ = lazy_names(__name__, {"alignn_ff.export.aoti.file": ("Compiled", "read", "read_about")})
