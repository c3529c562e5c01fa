"""Figures: a result in, a matplotlib Figure out."""

from alignn_ff.plots.comparison import StructureCurves, structure_comparison
from alignn_ff.plots.data import data_figures
from alignn_ff.plots.dynamics import energy_conservation
from alignn_ff.plots.observables import observable_figures
from alignn_ff.plots.relaxation import convergence
from alignn_ff.plots.scaling import cost_per_atom
from alignn_ff.plots.style import check_figure, save_figure
from alignn_ff.plots.training import learning_curve, parity_figures

__all__ = [
    "StructureCurves",
    "check_figure",
    "convergence",
    "cost_per_atom",
    "data_figures",
    "energy_conservation",
    "learning_curve",
    "observable_figures",
    "parity_figures",
    "save_figure",
    "structure_comparison",
]
