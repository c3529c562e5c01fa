"""Figures of dynamics: how well the energy is conserved."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from alignn_ff.plots.style import COLOURS, house_style, new_figure


def energy_conservation(
    time_ps: NDArray[np.float64],
    energy_meV_per_atom: NDArray[np.float64],
    *,
    slope_meV_per_atom_per_ps: float,
    stderr_meV_per_atom_per_ps: float,
) -> Figure:
    """The conserved energy less its mean, with the fitted drift."""
    with house_style():
        figure = new_figure(3.4, 2.3)
        axes = figure.subplots()
        centred = energy_meV_per_atom - energy_meV_per_atom.mean()
        axes.plot(time_ps, centred, color=COLOURS[0], linewidth=0.4)
        line = slope_meV_per_atom_per_ps * (time_ps - time_ps.mean())
        label = f"drift {slope_meV_per_atom_per_ps:+.1e} ± {stderr_meV_per_atom_per_ps:.0e} meV/atom/ps"
        axes.plot(time_ps, line, color=COLOURS[1], label=label)
        axes.set(xlabel="time (ps)", ylabel="total energy − mean (meV/atom)")
        axes.set_ylim(bottom=1.1 * centred.min(), top=1.6 * centred.max())
        axes.legend(loc="upper left")
    return figure
