"""Figures of an analysis: one a set of curves, at the width of a journal's column."""

from collections.abc import Callable
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from alignn_ff.analysis import Analysis, Table
from alignn_ff.plots.style import COLOURS, house_style, new_figure

WIDTH: Final = 3.4
PER_ROW: Final = 1.1
FS_PER_PS: Final = 1000.0

Values = NDArray[np.float64]


def observable_figures(analysis: Analysis) -> dict[str, Figure]:
    """A figure for every set of curves of an analysis."""
    with house_style():
        return {
            name: FIGURES[name](table)
            for finding in analysis.findings.values()
            for name, table in finding.tables.items()
            if name in FIGURES
        }


def thermo(table: Table) -> Figure:
    """Every series over time, with its mean."""
    titles = {
        "potential_eV": "potential (eV)",
        "total_eV": "total (eV)",
        "temperature_K": "temperature (K)",
        "pressure_GPa": "pressure (GPa)",
        "volume_A3": "volume (Å³)",
    }
    shown = [name for name in titles if name in table and np.ptp(table[name]) > 1e-9 * abs(table[name]).max()]
    figure = new_figure(WIDTH, PER_ROW * max(1, len(shown)) + 0.4)
    times = table["time_fs"] / FS_PER_PS if "time_fs" in table else table["frame"]
    panels = np.atleast_1d(figure.subplots(max(1, len(shown)), 1, sharex=True))
    for axes, name, colour in zip(panels, shown, COLOURS, strict=False):
        axes.plot(times, table[name], color=colour, linewidth=0.6)
        axes.axhline(table[name].mean(), color=COLOURS[6], linewidth=0.8, linestyle="--")
        axes.set_ylabel(titles[name])
        axes.ticklabel_format(axis="y", useOffset=False)
    panels[-1].set_xlabel("time (ps)" if "time_fs" in table else "frame")
    figure.align_ylabels()
    return figure


def rdf(table: Table) -> Figure:
    """g(r) of every pair, and the running coordination."""
    figure = new_figure(WIDTH, 3.4)
    top, bottom = figure.subplots(2, 1, sharex=True)
    density = "g_" if any(name.startswith("g_") for name in table) else "neighbours_per_A_"
    pairs = [name[len(density) :] for name in table if name.startswith(density) and not name.endswith("_stderr")]
    for pair, colour in zip(pairs, _colours(len(pairs)), strict=True):
        _band(top, table["r_A"], table[density + pair], table[f"{density}{pair}_stderr"], colour, label=pair)
        bottom.plot(table["r_A"], table[f"n_{pair}"], color=colour)
    if density == "g_":
        top.axhline(1.0, color="0.6", linewidth=0.6, zorder=0)
    bottom.set(xlabel="r (Å)", ylabel="neighbours within r", xlim=(0, table["r_A"][-1]), ylim=(0, 30))
    top.set(ylabel="g(r)" if density == "g_" else "neighbours (1/Å)", ylim=(0, None))
    top.legend()
    return figure


def coordination(table: Table) -> Figure:
    """How many atoms have how many neighbours."""
    figure = new_figure(WIDTH, 2.3)
    axes = figure.subplots()
    symbols = _columns(table, "share_")
    width = 0.8 / len(symbols)
    for index, (symbol, colour) in enumerate(zip(symbols, _colours(len(symbols)), strict=True)):
        at = table["neighbours"] + (index - (len(symbols) - 1) / 2) * width
        error = np.nan_to_num(table[f"share_{symbol}_stderr"])
        axes.bar(
            at, table[f"share_{symbol}"], width, yerr=error, color=colour, label=symbol, error_kw={"linewidth": 0.8}
        )
    share = np.max([table[f"share_{symbol}"] for symbol in symbols], axis=0)
    there = np.flatnonzero(share > 1e-4)
    axes.set(xlabel="neighbours", ylabel="share of atoms", xlim=(there[0] - 1, there[-1] + 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def angles(table: Table) -> Figure:
    """Density of angles around each element."""
    figure = new_figure(WIDTH, 2.3)
    axes = figure.subplots()
    symbols = [name[len("density_") : -len("_per_deg")] for name in table if name.endswith("_per_deg")]
    for symbol, colour in zip(symbols, _colours(len(symbols)), strict=True):
        name = f"density_{symbol}_per_deg"
        _band(axes, table["angle_deg"], table[name], table[f"{name}_stderr"], colour, label=f"around {symbol}")
    axes.set(xlabel="angle (°)", ylabel="density (1/°)", xlim=(0, 180), ylim=(0, None))
    axes.set_xticks(range(0, 181, 30))
    axes.legend()
    return figure


def msd(table: Table) -> Figure:
    """Mean squared displacement of each element."""
    figure = new_figure(WIDTH, 2.3)
    axes = figure.subplots()
    symbols = [name[len("msd_") : -len("_A2")] for name in table if name.startswith("msd_") and name.endswith("_A2")]
    for symbol, colour in zip(symbols, _colours(len(symbols)), strict=True):
        name = f"msd_{symbol}_A2"
        _band(axes, table["lag_fs"] / FS_PER_PS, table[name], table[f"{name}_stderr"], colour, label=symbol)
    axes.set(xlabel="time (ps)", ylabel="mean squared displacement (Å²)", ylim=(0, None))
    axes.set_xlim(0, table["lag_fs"][-1] / FS_PER_PS)
    axes.legend()
    return figure


def vacf(table: Table) -> Figure:
    """Velocity autocorrelation of each element."""
    figure = new_figure(WIDTH, 2.3)
    axes = figure.subplots()
    symbols = _columns(table, "vacf_")
    for symbol, colour in zip(symbols, _colours(len(symbols)), strict=True):
        axes.plot(table["lag_fs"] / FS_PER_PS, table[f"vacf_{symbol}"], color=colour, label=symbol)
    axes.axhline(0.0, color="0.6", linewidth=0.6, zorder=0)
    axes.set(xlabel="time (ps)", ylabel="⟨v(0)·v(t)⟩ / ⟨v²⟩")
    axes.set_xlim(0, min(2.0, table["lag_fs"][-1] / FS_PER_PS))
    axes.legend()
    return figure


def vdos(table: Table) -> Figure:
    """Vibrational density of states, in all and of each element."""
    figure = new_figure(WIDTH, 2.3)
    axes = figure.subplots()
    frequency, total = table["frequency_THz"], table["vdos_per_THz"]
    _band(axes, frequency, total, table["vdos_per_THz_stderr"], COLOURS[6], label="all")
    of_elements = [name for name in table if name.endswith("_per_THz") and name != "vdos_per_THz"]
    symbols = [name[len("vdos_") : -len("_per_THz")] for name in of_elements]
    if len(symbols) > 1:
        for symbol, colour in zip(symbols, _colours(len(symbols)), strict=True):
            axes.plot(frequency, table[f"vdos_{symbol}_per_THz"], color=colour, linewidth=0.9, label=symbol)
        axes.legend()
    area = np.cumsum(total)
    last = frequency[min(len(area) - 1, int(np.searchsorted(area, 0.99 * area[-1])))]
    axes.set(xlabel="frequency (THz)", ylabel="density of states (1/THz)", ylim=(0, None))
    axes.set_xlim(0, min(float(frequency[-1]), 1.3 * float(last)))
    return figure


FIGURES: Final[dict[str, Callable[[Table], Figure]]] = {
    "thermo": thermo,
    "rdf": rdf,
    "coordination": coordination,
    "angles": angles,
    "msd": msd,
    "vacf": vacf,
    "vdos": vdos,
}
"""Set of curves → figure."""


def _band(axes: Axes, x: Values, mean: Values, error: Values, colour: str, *, label: str) -> None:
    """A curve with its standard error as a band."""
    axes.plot(x, mean, color=colour, label=label)
    if np.isfinite(error).any():
        axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.3, linewidth=0)


def _columns(table: Table, prefix: str) -> list[str]:
    return [name[len(prefix) :] for name in table if name.startswith(prefix) and not name.endswith("_stderr")]


def _colours(number: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(number)]
