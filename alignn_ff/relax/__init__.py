"""Relaxation: a structure and a calculator in, a relaxed structure and a result object out."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.relax.config import RelaxConfig
    from alignn_ff.relax.files import RelaxFiles, relax_files, write_relaxation
    from alignn_ff.relax.optimizers import OPTIMIZERS, OptimizerKind
    from alignn_ff.relax.relaxation import RelaxRecords, relax, resume
    from alignn_ff.relax.result import RelaxResult, RelaxStep
    from alignn_ff.relax.state import read_state
    from alignn_ff.relax.strain import CELL_MODES, CellMode

__all__ = [
    "CELL_MODES",
    "OPTIMIZERS",
    "CellMode",
    "OptimizerKind",
    "RelaxConfig",
    "RelaxFiles",
    "RelaxRecords",
    "RelaxResult",
    "RelaxStep",
    "read_state",
    "relax",
    "relax_files",
    "resume",
    "write_relaxation",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.relax.config": ("RelaxConfig",),
        "alignn_ff.relax.files": (
            "RelaxFiles",
            "relax_files",
            "write_relaxation",
        ),
        "alignn_ff.relax.optimizers": (
            "OPTIMIZERS",
            "OptimizerKind",
        ),
        "alignn_ff.relax.relaxation": (
            "RelaxRecords",
            "relax",
            "resume",
        ),
        "alignn_ff.relax.result": (
            "RelaxResult",
            "RelaxStep",
        ),
        "alignn_ff.relax.state": ("read_state",),
        "alignn_ff.relax.strain": (
            "CELL_MODES",
            "CellMode",
        ),
    },
)
