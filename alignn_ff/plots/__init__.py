"""Figures: a result in, a matplotlib Figure out."""

from alignn_ff.plots.data import data_figures
from alignn_ff.plots.dynamics import energy_conservation
from alignn_ff.plots.style import save_figure
from alignn_ff.plots.training import learning_curve, parity_figures

__all__ = ["data_figures", "energy_conservation", "learning_curve", "parity_figures", "save_figure"]
