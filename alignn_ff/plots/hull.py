"""Figure of a convex hull: formation energies over the composition, or distances from the hull as bars."""

import re

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.formation import HullResult
from alignn_ff.properties.formation.result import STABLE_EV
from alignn_ff.units import MEV_PER_EV

MOST_BARS = 25


def hull_figure(result: HullResult) -> Figure:
    """Two elements: energies over the fraction, stable phases joined; otherwise bars of energy above the hull."""
    return _binary(result) if len(result.elements) == 2 else _bars(result)


def _binary(result: HullResult) -> Figure:
    second = result.elements[1]
    fractions = [float(np.mean(np.array(phase.atoms.symbols) == second)) for phase in result.phases]
    stable = [above < STABLE_EV for above in result.above_hull]
    corners = {0.0: 0.0, 1.0: 0.0}
    for x, phase, kept in zip(fractions, result.phases, stable, strict=True):
        if kept:
            corners[x] = min(corners.get(x, np.inf), phase.formation)
    line = sorted(corners.items())
    with house_style():
        figure = new_figure(3.4, 2.8)
        axes = figure.subplots()
        axes.plot(*zip(*line, strict=True), color=COLOURS[0], marker="o", ms=4, label="stable", zorder=2)
        others = [(x, p.formation) for x, p, kept in zip(fractions, result.phases, stable, strict=True) if not kept]
        if others:
            axes.plot(*zip(*others, strict=True), "s", color=COLOURS[1], ms=3.5, mfc="none", label="above the hull")
        axes.axhline(0.0, color="0.6", linewidth=0.6, zorder=0)
        for x, phase, kept in zip(fractions, result.phases, stable, strict=True):
            if kept and 0.0 < x < 1.0:
                side, shift = _free_side(line, x)
                axes.annotate(
                    _subscripts(phase.name),
                    (x, phase.formation),
                    xytext=(shift, -9),
                    textcoords="offset points",
                    ha=side,
                    fontsize=7,
                )
        axes.margins(y=0.18)
        axes.set(xlabel=f"fraction of {second}", ylabel="formation energy (eV/atom)", xlim=(-0.03, 1.03))
        figure.legend(loc="outside upper center", ncols=2)
    return figure


def _free_side(line: list[tuple[float, float]], x: float) -> tuple[str, float]:
    """How a name below a corner of the hull is aligned, and moved in points, so that the hull does not cross it."""
    place = [corner for corner, _ in line].index(x)
    before, here, after = (line[place + step][1] for step in (-1, 0, 1))
    if before > here > after:
        return "right", -2.0
    if before < here < after:
        return "left", 2.0
    return "center", 0.0


def _bars(result: HullResult) -> Figure:
    order = np.argsort(result.above_hull)[:MOST_BARS]
    with house_style():
        figure = new_figure(3.4, 0.8 + 0.16 * len(order))
        axes = figure.subplots()
        heights = [MEV_PER_EV * result.above_hull[k] for k in order]
        axes.barh([_subscripts(result.phases[k].name) for k in order], heights, color=COLOURS[0], height=0.6)
        axes.invert_yaxis()
        axes.set(xlabel="energy above the hull (meV/atom)")
    return figure


def _subscripts(name: str) -> str:
    """A formula with subscripts; a number after # stays as it is."""
    return re.sub(r"(?<=[A-Za-z])(\d+)", r"$_{\1}$", name)
