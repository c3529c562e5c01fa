"""Molecular dynamics: a structure, a calculator and a config in, files and a result object out."""

from alignn_ff.md.config import MDConfig
from alignn_ff.md.dynamics import resume_md, run_md
from alignn_ff.md.ensembles import ENSEMBLES, Ensemble, Stage
from alignn_ff.md.files import MDFiles, md_files
from alignn_ff.md.guards import GUARDS, GuardLimits
from alignn_ff.md.result import MDResult, StageResult, nanoseconds_per_day
from alignn_ff.md.run.stopping import MDInterruptedError
from alignn_ff.trajectory import Snapshot

__all__ = [
    "ENSEMBLES",
    "GUARDS",
    "Ensemble",
    "GuardLimits",
    "MDConfig",
    "MDFiles",
    "MDInterruptedError",
    "MDResult",
    "Snapshot",
    "Stage",
    "StageResult",
    "md_files",
    "nanoseconds_per_day",
    "resume_md",
    "run_md",
]
