"""Force fields as files for other programs; each file is proven against the package before it is written.

In: a model. Out: a file of a kind that :data:`TARGETS` holds, with a record of the comparison inside.
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.export.exporting import Exported, export
    from alignn_ff.export.options import STRESS_UNITS, ExportOptions
    from alignn_ff.export.proof import Difference, Proof
    from alignn_ff.export.targets import TARGETS, Target

__all__ = ["STRESS_UNITS", "TARGETS", "Difference", "ExportOptions", "Exported", "Proof", "Target", "export"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.export.exporting": ("Exported", "export"),
        "alignn_ff.export.proof": ("Difference", "Proof"),
        "alignn_ff.export.options": ("STRESS_UNITS", "ExportOptions"),
        "alignn_ff.export.targets": ("TARGETS", "Target"),
    },
)
