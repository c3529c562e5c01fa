"""Dynamics and relaxation: a structure and a calculator in, files and a result object out."""

from alignn_ff.md.dynamics import resume_md, run_md
from alignn_ff.md.ensembles import ENSEMBLES, Ensemble
from alignn_ff.md.guard_limits import GuardLimits
from alignn_ff.md.md_config import MDConfig
from alignn_ff.md.md_files import MDFiles, md_files
from alignn_ff.md.md_result import MDResult, StageResult, nanoseconds_per_day
from alignn_ff.md.optimizers import OPTIMIZERS
from alignn_ff.md.outputs import RelaxFiles, check_format, claim, relax_files, write_relaxation
from alignn_ff.md.reading import iterate_trajectory, read_trajectory
from alignn_ff.md.relax_config import RelaxConfig
from alignn_ff.md.relax_result import RelaxResult, RelaxStep
from alignn_ff.md.relax_state import read_state
from alignn_ff.md.relaxation import RelaxRecords, relax, resume
from alignn_ff.md.single_point import SinglePoint, single_point
from alignn_ff.md.snapshot import Snapshot
from alignn_ff.md.stage import Stage
from alignn_ff.md.stopping import MDInterruptedError

__all__ = [
    "ENSEMBLES",
    "OPTIMIZERS",
    "Ensemble",
    "GuardLimits",
    "MDConfig",
    "MDFiles",
    "MDInterruptedError",
    "MDResult",
    "RelaxConfig",
    "RelaxFiles",
    "RelaxRecords",
    "RelaxResult",
    "RelaxStep",
    "SinglePoint",
    "Snapshot",
    "Stage",
    "StageResult",
    "check_format",
    "claim",
    "iterate_trajectory",
    "md_files",
    "nanoseconds_per_day",
    "read_state",
    "read_trajectory",
    "relax",
    "relax_files",
    "resume",
    "resume_md",
    "run_md",
    "single_point",
    "write_relaxation",
]
