"""The ensembles: what each keeps constant, its integrator, its conserved quantity, and the structures it accepts."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.md.ensembles.stage import Stage
    from alignn_ff.md.ensembles.table import ENSEMBLES, Ensemble

__all__ = ["ENSEMBLES", "Ensemble", "Stage"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.md.ensembles.stage": ("Stage",),
        "alignn_ff.md.ensembles.table": (
            "ENSEMBLES",
            "Ensemble",
        ),
    },
)
