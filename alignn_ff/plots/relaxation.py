"""Figures of relaxation: energy and forces over the steps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignn_ff.plots.style import COLOURS, house_style, label_decades, new_figure
from alignn_ff.relax import RelaxStep


def convergence(steps: Sequence[RelaxStep], *, fmax_eV_per_A: float) -> Figure:
    """Energy above its lowest value (enthalpy with a pressure) and largest forces over the steps, both logarithmic."""
    with house_style():
        figure = new_figure(3.4, 3.6)
        top, bottom = figure.subplots(2, 1, sharex=True)
        number = [step.step for step in steps]
        energy = np.array([step.enthalpy_eV for step in steps])
        height = energy - energy.min()
        top.plot(number, np.where(height > 0, height, np.nan), ".-", color=COLOURS[0], markersize=3)
        top.set(ylabel="energy − lowest (eV)", yscale="log" if (height > 0).any() else "linear")
        bottom.plot(number, [s.max_force_eV_per_A for s in steps], ".-", color=COLOURS[1], markersize=3, label="atoms")
        if steps[0].max_cell_force_eV_per_A is not None:
            cell = [np.nan if s.max_cell_force_eV_per_A is None else s.max_cell_force_eV_per_A for s in steps]
            bottom.plot(number, cell, ".-", color=COLOURS[2], markersize=3, label="cell")
        bottom.axhline(fmax_eV_per_A, color=COLOURS[6], linewidth=0.8, linestyle="--", label="limit")
        bottom.set(xlabel="step", ylabel="largest force (eV/Å)", yscale="log")
        label_decades(bottom.yaxis, *([top.yaxis] if (height > 0).any() else []))
        bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
        bottom.legend()
    return figure
