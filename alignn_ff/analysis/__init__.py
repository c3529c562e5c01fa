"""Analysis of trajectories: what a run says about structure, thermodynamics, diffusion and vibrations."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.analysis.config import EVERYTHING, AnalysisConfig, ObservableName
    from alignn_ff.analysis.files import AnalysisFiles, analysis_files, write_analysis
    from alignn_ff.analysis.finding import Finding, Table
    from alignn_ff.analysis.frames import iterate_frames
    from alignn_ff.analysis.run import OBSERVABLES, Analysis, analyze

__all__ = [
    "EVERYTHING",
    "OBSERVABLES",
    "Analysis",
    "AnalysisConfig",
    "AnalysisFiles",
    "Finding",
    "ObservableName",
    "Table",
    "analysis_files",
    "analyze",
    "iterate_frames",
    "write_analysis",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.analysis.config": (
            "EVERYTHING",
            "AnalysisConfig",
            "ObservableName",
        ),
        "alignn_ff.analysis.files": (
            "AnalysisFiles",
            "analysis_files",
            "write_analysis",
        ),
        "alignn_ff.analysis.finding": (
            "Finding",
            "Table",
        ),
        "alignn_ff.analysis.frames": ("iterate_frames",),
        "alignn_ff.analysis.run": (
            "OBSERVABLES",
            "Analysis",
            "analyze",
        ),
    },
)
