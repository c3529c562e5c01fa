"""Properties of materials, with any ASE calculator.

>>> from alignn_ff.properties import compute
>>> result = compute("elastic", atoms)  # atoms.calc is any ASE calculator
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.properties.front import compute
    from alignn_ff.properties.result import PropertyResult, Remark
    from alignn_ff.properties.table import PROPERTIES
    from alignn_ff.properties.work import Work

__all__ = ["PROPERTIES", "PropertyResult", "Remark", "Work", "compute"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.properties.front": ("compute",),
        "alignn_ff.properties.result": ("PropertyResult", "Remark"),
        "alignn_ff.properties.table": ("PROPERTIES",),
        "alignn_ff.properties.work": ("Work",),
    },
)
