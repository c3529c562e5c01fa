"""Structures of several runs on one figure: pair function, angles, coordination, beside values of the literature."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.analysis import Table
from alignn_ff.plots.style import COLOURS, house_style, new_figure


class StructureCurves(NamedTuple):
    """What one run says about its structure, for one element.

    Attributes:
        rdf, angles, coordination: tables of an analysis.
        literature_peaks_A: where others found maxima of g(r).
        literature_coordination: how many neighbours others found.
    """

    rdf: Table
    angles: Table
    coordination: Table
    literature_peaks_A: tuple[float, ...] = ()
    literature_coordination: tuple[float, ...] = ()


def structure_comparison(runs: Mapping[str, StructureCurves], element: str) -> Figure:
    """Three panels, a colour a run; marks of the literature have the colour of the run they belong to."""
    with house_style():
        figure = new_figure(7.0, 2.4)
        pairs, angles, neighbours = figure.subplots(1, 3)
        for (name, run), colour in zip(runs.items(), COLOURS, strict=False):
            pairs.plot(run.rdf["r_A"], run.rdf[f"g_{element}-{element}"], color=colour, label=name)
            for peak in run.literature_peaks_A:
                pairs.axvline(peak, color=colour, linewidth=0.8, linestyle=":")
            angles.plot(run.angles["angle_deg"], run.angles[f"density_{element}_per_deg"], color=colour)
            share = run.coordination[f"share_{element}"]
            neighbours.plot(run.coordination["neighbours"], share, "o-", color=colour, markersize=3)
            for number in run.literature_coordination:
                neighbours.axvline(number, color=colour, linewidth=0.8, linestyle=":")
        pairs.axhline(1.0, color="0.6", linewidth=0.6, zorder=0)
        pairs.set(xlabel="r (Å)", ylabel="g(r)", xlim=(1.5, max(run.rdf["r_A"][-1] for run in runs.values())))
        pairs.set_ylim(bottom=0.0)
        pairs.legend()
        angles.axvline(np.degrees(np.arccos(-1 / 3)), color="0.6", linewidth=0.6, linestyle="--", zorder=0)
        angles.set(xlabel="angle (°)", ylabel="density (1/°)", xlim=(40, 180))
        angles.set_ylim(bottom=0.0)
        neighbours.set(xlabel="neighbours", ylabel="share of atoms", xlim=(2, 10))
        neighbours.set_ylim(bottom=0.0)
    return figure
