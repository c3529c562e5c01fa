"""Relaxation: a structure and a calculator in, a relaxed structure and a result object out."""

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
