"""Properties of materials, with any ASE calculator.

>>> from alignn_ff.properties import elastic
>>> result = elastic(atoms, strain=0.004)  # atoms.calc is any ASE calculator

There is a function for each property of ``PROPERTIES``; ``compute("elastic", atoms)`` finds it by its name.
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names
from alignn_ff.properties.table import FUNCTIONS, PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from alignn_ff.properties.front import compute
    from alignn_ff.properties.result import PropertyResult, Remark
    from alignn_ff.properties.work import Work

    def __getattr__(name: str) -> Callable[..., PropertyResult]: ...

else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "alignn_ff.properties.front": ("compute",),
            "alignn_ff.properties.functions": tuple(FUNCTIONS),
            "alignn_ff.properties.result": ("PropertyResult", "Remark"),
            "alignn_ff.properties.work": ("Work",),
        },
    )

__all__ = ["PROPERTIES", "PropertyResult", "Remark", "Work", "compute", *FUNCTIONS]
