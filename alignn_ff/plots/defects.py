"""Figure of point defects: formation energies, and how they depend on the size of the supercell."""

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.defects import DefectResult
from alignn_ff.properties.defects.potentials import Potentials

MARKERS: Final = "osD^v<>"
FARTHEST: Final = 2.0
"""Unrelaxed energies above this multiple of the largest relaxed one are left to the table: they would hide the rest."""


def defects_figure(result: DefectResult) -> Figure:
    """Formation energies of all defects, unrelaxed and from each start; against 1/N if there are several sizes."""
    rows, sizes = len(result.largest) * len(result.limits), len({len(d.supercell) for d in result.defects})
    with house_style():
        figure = new_figure(6.8 if sizes > 1 else 3.8, 1.4 + 0.3 * max(rows, 2) + (0.8 if sizes > 1 else 0.0))
        panels: Any = figure.subplots(1, 2 if sizes > 1 else 1, squeeze=False)[0]
        _energies(panels[0], result)
        if sizes > 1:
            _sizes(panels[1], result)
    return figure


def _energies(panel: Any, result: DefectResult) -> None:
    """A row for each defect and limit."""
    rows = [(defect, limit) for defect in result.largest for limit in result.limits]
    end = FARTHEST * max(result.formation_energy(defect, limit) for defect, limit in rows)
    for place, (defect, limit) in enumerate(rows):
        unrelaxed = result.formation_energy(defect, limit, energy=defect.unrelaxed_eV)
        trials = [result.formation_energy(defect, limit, energy=trial.relaxed.energy) for trial in defect.trials]
        panel.axhline(place, color="0.85", linewidth=0.6, zorder=0)
        if unrelaxed < end:
            panel.plot(unrelaxed, place, "s", mfc="none", color=COLOURS[6], ms=6)
        panel.plot(trials, [place] * len(trials), "|", color=COLOURS[0], ms=8)
        best = result.formation_energy(defect, limit)
        panel.plot(best, place, "o", color=COLOURS[1], ms=4)
    panel.set(
        yticks=range(len(rows)),
        yticklabels=[_label(defect.site.label, limit) for defect, limit in rows],
        ylim=(len(rows) - 0.5, -0.5),
        xlabel=f"formation energy (eV), {len(result.largest[0].supercell)} sites",
    )
    panel.xaxis.set_major_locator(MaxNLocator(5))
    _key(panel)


def _key(panel: Any) -> None:
    """A legend of the three marks."""
    panel.plot([], [], "s", mfc="none", color=COLOURS[6], ms=6, label="unrelaxed")
    panel.plot([], [], "|", color=COLOURS[0], ms=8, label="each start")
    panel.plot([], [], "o", color=COLOURS[1], ms=4, label="lowest")
    panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handletextpad=0.2, columnspacing=1.0)


def _sizes(panel: Any, result: DefectResult) -> None:
    """Relaxed formation energies over 1/N, with the lines that are extrapolated."""
    lines = [(label, limit) for label in {d.site.label: None for d in result.defects} for limit in result.limits]
    for place, (label, limit) in enumerate(lines):
        points = [defect for defect in result.defects if defect.site.label == label]
        inverse = np.array([1.0 / len(defect.supercell) for defect in points])
        energies = [result.formation_energy(defect, limit) for defect in points]
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        panel.plot(inverse, energies, marker, color=colour, ms=4, label=_label(label, limit))
        ends = np.array([0.0, inverse.max()])
        panel.plot(ends, np.polyval(np.polyfit(inverse, energies, 1), ends), color=colour, linewidth=0.8)
    numbers = sorted({len(defect.supercell) for defect in result.defects})
    panel.set(xticks=[0.0, *(1.0 / n for n in numbers)], xticklabels=["∞", *map(str, numbers)])
    panel.set(xlabel="sites in the supercell, spaced as 1/N", ylabel="formation energy (eV)")
    if len(lines) > 1:
        panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _label(label: str, limit: Potentials) -> str:
    return f"{label}, {limit.name}" if limit.name else label
