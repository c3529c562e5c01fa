"""Figures of an analysis: one per table of curves, at the width of a journal's column."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignn_ff.analysis import OBSERVABLES, Analysis, Curve, Drawing, Panel
from alignn_ff.plots.style import COLOURS, house_style, new_figure

WIDTH: Final = 3.4
BAND: Final = "± standard error"
LABEL_INCHES: Final = 0.4
"""Height of the label of the x axis."""


def observable_figures(analysis: Analysis) -> dict[str, Figure]:
    """A figure for every table of curves of an analysis, as the rows of ``OBSERVABLES`` describe them."""
    return {
        name: draw(OBSERVABLES[observable].tables[name](table))
        for observable, result in analysis.results.items()
        for name, table in result.tables.items()
    }


def draw(drawing: Drawing) -> Figure:
    """The figure of a drawing."""
    with house_style():
        n_panels = max(1, len(drawing.panels))
        figure = new_figure(WIDTH, drawing.panel_height_inches * n_panels + LABEL_INCHES)
        rows = np.atleast_1d(figure.subplots(n_panels, 1, sharex=True))
        for axes, panel in zip(rows, drawing.panels, strict=False):
            _draw_panel(axes, panel)
        for axes in rows[:-1]:
            axes.set_xlabel("")
        figure.align_ylabels()
    return figure


def _draw_panel(axes: Axes, panel: Panel) -> None:
    numbers = [place if curve.colour is None else curve.colour for place, curve in enumerate(panel.curves)]
    colours = [COLOURS[number % len(COLOURS)] for number in numbers]
    if panel.kind == "bars":
        _draw_bars(axes, panel.curves, colours)
    else:
        for curve, colour in zip(panel.curves, colours, strict=True):
            _draw_line(axes, curve, colour)
    if panel.level is not None:
        axes.axhline(panel.level, color="0.6", linewidth=0.6, zorder=0)
    axes.set(xlabel=panel.x_label, ylabel=panel.y_label)
    axes.set_xlim(*panel.x_range)
    axes.set_ylim(*panel.y_range)
    axes.ticklabel_format(axis="y", useOffset=False)
    if panel.x_ticks is not None:
        axes.set_xticks(panel.x_ticks)
    if axes.get_legend_handles_labels()[1]:
        axes.legend()


def _draw_line(axes: Axes, curve: Curve, colour: str) -> None:
    """A curve with its standard error as a band."""
    style = {"linestyle": "--", "linewidth": 0.8} if curve.dashed else {}
    axes.plot(curve.x, curve.y, color=colour, label=curve.label or "_", **style)  # type: ignore[arg-type]
    if curve.error is not None and np.isfinite(curve.error).any():
        band = (curve.y - curve.error, curve.y + curve.error)
        explained = any(label == BAND for label in axes.get_legend_handles_labels()[1])
        axes.fill_between(curve.x, *band, color=colour, alpha=0.3, linewidth=0, label="_" if explained else BAND)


def _draw_bars(axes: Axes, curves: tuple[Curve, ...], colours: list[str]) -> None:
    """Curves at integers as groups of bars with error bars."""
    width = 0.8 / len(curves)
    for number, (curve, colour) in enumerate(zip(curves, colours, strict=True)):
        x = curve.x + (number - (len(curves) - 1) / 2) * width
        error = None if curve.error is None else np.nan_to_num(curve.error)
        axes.bar(x, curve.y, width, yerr=error, color=colour, label=curve.label or "_", error_kw={"linewidth": 0.8})
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
