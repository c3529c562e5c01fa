"""Figures: a result in, a matplotlib Figure out."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.plots.check import check_figures, figure_svg
    from alignn_ff.plots.data import data_figures
    from alignn_ff.plots.observables import draw, observable_figures
    from alignn_ff.plots.properties import PROPERTY_FIGURES, property_figures, save_property_figures
    from alignn_ff.plots.relaxation import convergence
    from alignn_ff.plots.style import check_figure, save_figure
    from alignn_ff.plots.training import learning_curve, parity_figures
    from alignn_ff.plots.uncertainty import calibration_figures, calibration_of_models

__all__ = [
    "PROPERTY_FIGURES",
    "calibration_figures",
    "calibration_of_models",
    "check_figure",
    "check_figures",
    "convergence",
    "data_figures",
    "draw",
    "figure_svg",
    "learning_curve",
    "observable_figures",
    "parity_figures",
    "property_figures",
    "save_figure",
    "save_property_figures",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.plots.check": (
            "check_figures",
            "figure_svg",
        ),
        "alignn_ff.plots.data": ("data_figures",),
        "alignn_ff.plots.observables": (
            "draw",
            "observable_figures",
        ),
        "alignn_ff.plots.properties": (
            "PROPERTY_FIGURES",
            "property_figures",
            "save_property_figures",
        ),
        "alignn_ff.plots.relaxation": ("convergence",),
        "alignn_ff.plots.style": (
            "check_figure",
            "save_figure",
        ),
        "alignn_ff.plots.training": (
            "learning_curve",
            "parity_figures",
        ),
        "alignn_ff.plots.uncertainty": (
            "calibration_figures",
            "calibration_of_models",
        ),
    },
)
