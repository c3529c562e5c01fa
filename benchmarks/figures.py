"""Figures of the benchmarks: structures and the literature, energy conservation, cost per atom."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from alignn_ff.analysis import Table
from alignn_ff.plots.style import COLOURS, house_style, new_figure


class StructureCurves(NamedTuple):
    """Structure of one run, for one element.

    Attributes:
        rdf, angles, coordination: tables of an analysis.
        literature_peaks_A: maxima of g(r) in the literature.
        literature_coordination: numbers of neighbours in the literature.
    """

    rdf: Table
    angles: Table
    coordination: Table
    literature_peaks_A: tuple[float, ...] = ()
    literature_coordination: tuple[float, ...] = ()


def structure_comparison(runs: Mapping[str, StructureCurves], element: str) -> Figure:
    """Three panels, one colour per run; dotted lines show the literature in the colour of its run."""
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


def energy_conservation(
    time_ps: NDArray[np.float64],
    energy_meV_per_atom: NDArray[np.float64],
    *,
    slope_meV_per_atom_per_ps: float,
    stderr_meV_per_atom_per_ps: float,
) -> Figure:
    """The conserved energy minus its mean, with the fitted drift."""
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


def cost_per_atom(n_atoms: Sequence[int], microseconds: Mapping[str, Sequence[float]]) -> Figure:
    """Time per atom of several parts over the number of atoms, both on logarithmic axes.

    Args:
        n_atoms: ascending.
        microseconds: name of a part → µs per atom at each number of atoms.
    """
    with house_style():
        figure = new_figure(3.4, 2.5)
        axes = figure.subplots()
        for colour, (name, values) in zip(COLOURS, microseconds.items(), strict=False):
            axes.plot(n_atoms[: len(values)], values, "o-", color=colour, markersize=3, label=name)
        axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="time (µs/atom)")
        axes.legend(loc="upper right")
    return figure
