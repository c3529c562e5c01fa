"""Figures that a notebook shows with a result: one row per kind of result that has any."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from alignn_ff.analysis import Analysis
from alignn_ff.check import Report
from alignn_ff.plots.check import overview
from alignn_ff.plots.observables import observable_figures
from alignn_ff.plots.properties import property_figures
from alignn_ff.plots.relaxation import convergence
from alignn_ff.plots.style import figure_png
from alignn_ff.plots.training import learning_curve
from alignn_ff.properties.result import PropertyResult
from alignn_ff.relax import RelaxResult
from alignn_ff.train import TrainingResult

SHOWN: Final[Mapping[type, Callable[[Any], Mapping[str, Figure]]]] = {
    PropertyResult: property_figures,
    RelaxResult: lambda result: {"steps": convergence(result.steps, fmax_eV_per_A=result.config.fmax_eV_per_A)},
    Report: lambda report: {"figures in units of their limits": overview(report)},
    Analysis: observable_figures,
    TrainingResult: lambda result: {"learning curve": learning_curve(result.history)},
}
"""Class of a result → title → figure."""


def pngs_of(result: object) -> dict[str, bytes]:
    """Title → PNG of a result; empty for a class that has no row."""
    drawn = (draw(result) for kind, draw in SHOWN.items() if isinstance(result, kind))
    return {title: figure_png(figure) for figures in drawn for title, figure in figures.items()}
