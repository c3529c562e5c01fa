"""Figures of a check: how far each law is from its limit, and every curve that was scanned."""

import io
import math
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.check import Report
from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.testing import Curve

VERDICT_COLOURS: Final = {"passed": COLOURS[2], "failed": COLOURS[1], "warning": COLOURS[4], "expected": COLOURS[5]}
SMALLEST: Final = 1e-8
LARGEST: Final = 1e8
DEEPEST: Final = 10.0
"""Range above the lowest quartile that an energy axis shows, in units of the spread between the quartiles."""


def check_figures(report: Report) -> dict[str, Figure]:
    """Title → figure."""
    return {
        "figures in units of their limits": overview(report),
        **{curve.title: _curve(curve) for row in report.rows for curve in row.curves},
    }


def figure_svg(figure: Figure) -> str:
    """A figure as an SVG element."""
    text = io.StringIO()
    with house_style():
        figure.savefig(text, format="svg")
    whole = text.getvalue()
    return whole[whole.index("<svg") :]


def overview(report: Report) -> Figure:
    """How far each law is from its limit."""
    rows = [row for row in report.rows if row.worst is not None and row.verdict in VERDICT_COLOURS][::-1]
    with house_style():
        figure = new_figure(6.8, 0.6 + 0.17 * len(rows))
        axes = figure.subplots()
        strains = [row.worst.strain for row in rows if row.worst is not None]
        shown = [min(max(s if math.isfinite(s) else LARGEST, SMALLEST), LARGEST) for s in strains]
        colours = [VERDICT_COLOURS[row.verdict] for row in rows]
        axes.barh(range(len(rows)), shown, left=SMALLEST, color=colours, height=0.7)
        axes.axvline(1.0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(rows)), [row.title for row in rows])
        axes.set(
            xscale="log",
            xlim=(SMALLEST, max(10.0, *shown, 10.0)),
            xlabel="largest figure ÷ its limit",
            ylim=(-0.8, len(rows) - 0.2),
        )
    return figure


def _curve(curve: Curve) -> Figure:
    with house_style():
        figure = new_figure(3.4, 2.2)
        axes = figure.subplots()
        axes.plot(curve.x, curve.y, color=COLOURS[0])
        for mark in curve.marks:
            axes.axvline(mark, color=COLOURS[1], linewidth=0.6, linestyle="--")
        axes.set(xlabel=curve.x_label, ylabel=curve.y_label)
        finite = np.array(curve.y)[np.isfinite(curve.y)]
        low, high = np.quantile(finite, [0.25, 0.75]) if len(finite) else (0.0, 1.0)
        spread = DEEPEST * max(high - low, 1e-6)
        bottom, top = max(finite.min(initial=low), low - spread), min(finite.max(initial=high), high + spread)
        margin = 0.05 * (top - bottom) or 1e-6
        axes.set_ylim(bottom - margin, top + margin)
    return figure
