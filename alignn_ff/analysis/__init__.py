"""Analysis of trajectories: structure, thermodynamics, diffusion and vibrations."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.analysis.config import AnalysisConfig
    from alignn_ff.analysis.context import Context
    from alignn_ff.analysis.drawing import Curve, Drawing, Panel, against
    from alignn_ff.analysis.files import AnalysisFiles, analysis_files, write_analysis
    from alignn_ff.analysis.frames import Frame, iterate_frames
    from alignn_ff.analysis.observable import Observable, bond_lengths, regular_times, several_atoms
    from alignn_ff.analysis.result import Accumulator, ObservableResult, Table
    from alignn_ff.analysis.run import Analysis, analyze
    from alignn_ff.analysis.table import OBSERVABLES, ObservableName

__all__ = [
    "OBSERVABLES",
    "Accumulator",
    "Analysis",
    "AnalysisConfig",
    "AnalysisFiles",
    "Context",
    "Curve",
    "Drawing",
    "Frame",
    "Observable",
    "ObservableName",
    "ObservableResult",
    "Panel",
    "Table",
    "against",
    "analysis_files",
    "analyze",
    "bond_lengths",
    "iterate_frames",
    "regular_times",
    "several_atoms",
    "write_analysis",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.analysis.config": ("AnalysisConfig",),
        "alignn_ff.analysis.context": ("Context",),
        "alignn_ff.analysis.drawing": (
            "Curve",
            "Drawing",
            "Panel",
            "against",
        ),
        "alignn_ff.analysis.files": (
            "AnalysisFiles",
            "analysis_files",
            "write_analysis",
        ),
        "alignn_ff.analysis.frames": (
            "Frame",
            "iterate_frames",
        ),
        "alignn_ff.analysis.observable": (
            "Observable",
            "bond_lengths",
            "regular_times",
            "several_atoms",
        ),
        "alignn_ff.analysis.result": (
            "Accumulator",
            "ObservableResult",
            "Table",
        ),
        "alignn_ff.analysis.run": (
            "Analysis",
            "analyze",
        ),
        "alignn_ff.analysis.table": (
            "OBSERVABLES",
            "ObservableName",
        ),
    },
)
