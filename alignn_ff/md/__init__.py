"""Molecular dynamics: a structure, a calculator and a config in, files and a result object out."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.md.config import MDConfig
    from alignn_ff.md.dynamics import resume_md, run_md
    from alignn_ff.md.ensembles import ENSEMBLES, Ensemble, Stage
    from alignn_ff.md.files import MDFiles, md_files
    from alignn_ff.md.guards import GUARDS, GuardLimits
    from alignn_ff.md.result import MDResult, StageResult, nanoseconds_per_day
    from alignn_ff.md.run.ending import Ending
    from alignn_ff.md.run.stopping import MDInterruptedError
    from alignn_ff.trajectory import Snapshot

__all__ = [
    "ENSEMBLES",
    "GUARDS",
    "Ending",
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.md.config": ("MDConfig",),
        "alignn_ff.md.dynamics": (
            "resume_md",
            "run_md",
        ),
        "alignn_ff.md.ensembles": (
            "ENSEMBLES",
            "Ensemble",
            "Stage",
        ),
        "alignn_ff.md.files": (
            "MDFiles",
            "md_files",
        ),
        "alignn_ff.md.guards": (
            "GUARDS",
            "GuardLimits",
        ),
        "alignn_ff.md.result": (
            "MDResult",
            "StageResult",
            "nanoseconds_per_day",
        ),
        "alignn_ff.md.run.ending": ("Ending",),
        "alignn_ff.md.run.stopping": ("MDInterruptedError",),
        "alignn_ff.trajectory": ("Snapshot",),
    },
)
