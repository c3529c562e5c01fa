"""A model checks itself: the laws of ``alignn_ff.testing`` measured on a model, an export or any ASE calculator.

In: a potential or a calculator, and structures of the user. Out: a :class:`Report` with a figure and a limit per law.
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.check.config import EFFORTS, CheckConfig
    from alignn_ff.check.outside import load_calculator
    from alignn_ff.check.page import page
    from alignn_ff.check.report import Report, Row, Verdict
    from alignn_ff.check.run import check_calculator, check_potential

__all__ = [
    "EFFORTS",
    "CheckConfig",
    "Report",
    "Row",
    "Verdict",
    "check_calculator",
    "check_potential",
    "load_calculator",
    "page",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.check.config": ("EFFORTS", "CheckConfig"),
        "alignn_ff.check.outside": ("load_calculator",),
        "alignn_ff.check.page": ("page",),
        "alignn_ff.check.report": ("Report", "Row", "Verdict"),
        "alignn_ff.check.run": ("check_calculator", "check_potential"),
    },
)
