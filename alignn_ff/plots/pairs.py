"""Figure of pairs: energy and force over the distance, with the training data and the cutoff marked."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.pairs import DimerResult
from alignn_ff.properties.pairs.result import Dimer

DASHES = ("-", "--", "-.", ":")


def dimer_figure(result: DimerResult) -> Figure:
    """Energies above, forces below; distances shorter than all of the training data are grey."""
    with house_style():
        figure = new_figure(3.4, 4.0)
        top, bottom = figure.subplots(2, 1, sharex=True)
        for k, dimer in enumerate(result.dimers):
            look = {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k // len(COLOURS) % len(DASHES)]}
            top.plot(dimer.distance, dimer.energy, **look, label=dimer.name.replace("-", "–"))
            bottom.plot(dimer.distance, dimer.force, **look)
        for axes in (top, bottom):
            axes.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
            _mark_range(axes, result, labelled=axes is top)
        top.set(ylabel="energy − single atoms (eV)", ylim=_window([d.energy for d in result.dimers]))
        bottom.set(ylabel="force (eV/Å), repulsion positive", xlabel="distance (Å)")
        bottom.set(ylim=_window([d.force for d in result.dimers]), xlim=_span(result.dimers))
        figure.legend(loc="outside upper center", ncols=4)
    return figure


def _mark_range(axes: Axes, result: DimerResult, *, labelled: bool) -> None:
    known = [dimer.training_A for dimer in result.dimers if dimer.training_A is not None]
    if known:
        label = "not in the training data" if labelled else None
        axes.axvspan(float(result.dimers[0].distance[0]), min(known), color="0.9", linewidth=0, zorder=-1, label=label)
    if result.cutoff_A is not None:
        label = "cutoff" if labelled else None
        axes.axvline(result.cutoff_A, color="0.4", linewidth=0.8, linestyle=":", zorder=0, label=label)


def _window(curves: list[np.ndarray]) -> tuple[float, float]:
    """Limits that show the minima; the repulsion leaves the figure."""
    depth = max(-min(float(curve.min()) for curve in curves), 1.0)
    return -1.2 * depth, 3.0 * depth


def _span(dimers: tuple[Dimer, ...]) -> tuple[float, float]:
    return float(dimers[0].distance[0]), float(dimers[0].distance[-1])
