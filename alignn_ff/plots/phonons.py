"""Figures of phonons: bands with density of states, thermal properties, decay of the force constants."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, label_decades, new_figure
from alignn_ff.properties.phonons import PhononResult
from alignn_ff.properties.phonons.harmonic import OUTER_FRACTION
from alignn_ff.properties.phonons.numbers import Bands
from alignn_ff.properties.phonons.supercell import widths_A
from alignn_ff.units import GAS_CONSTANT_J_PER_K_PER_MOL

CM_PER_THZ = 33.35640951981521
"""1/cm of 1 THz."""


def phonon_figures(result: PhononResult) -> dict[str, Figure]:
    """All figures of a phonon calculation."""
    return {
        "bands": band_figure(result),
        "thermal": thermal_figure(result),
        "force-constants": decay_figure(result),
    }


def band_figure(result: PhononResult) -> Figure:
    """Bands over the path on the left, density of states by element on the right, on one frequency axis."""
    with house_style():
        figure = new_figure(6.8, 3.4)
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3.2, 1))
        _draw_bands(left, result.bands)
        _draw_states(right, result)
        low, high = result.lowest.frequency_THz, result.states.frequencies.max()
        if not result.stable:
            for axes in (left, right):
                axes.axhspan(1.1 * low, 0.0, color="0.92", zorder=0)
                axes.axhline(0.0, color="0.4", linewidth=0.6)
            left.text(0.01, 0.02, "imaginary", transform=left.transAxes, fontsize=7, color="0.3")
        left.set_ylim(1.1 * low if not result.stable else 0.0, 1.03 * high)
        left.set_ylabel("frequency (THz)")
        wave = right.secondary_yaxis("right", functions=(lambda f: f * CM_PER_THZ, lambda w: w / CM_PER_THZ))
        wave.set_ylabel("wave number (1/cm)")
    return figure


def _draw_bands(axes: Axes, bands: Bands) -> None:
    """Segments side by side; where the path jumps, a thin gap and both labels."""
    position, gap = 0.0, 0.02 * float(bands.distances[-1][-1])
    ticks: list[float] = []
    labels: list[str] = []
    for k, (distance, frequency) in enumerate(zip(bands.distances, bands.frequencies, strict=True)):
        start, end = bands.labels[k]
        jump = k > 0 and bands.labels[k - 1][1] != start
        if jump:
            position += gap
        x = position + distance - distance[0]
        axes.plot(x, frequency, color=COLOURS[0], linewidth=0.9)
        if k == 0 or jump:
            ticks.append(float(x[0]))
            labels.append(start)
            axes.axvline(x[0], color="0.7", linewidth=0.5, zorder=0)
        ticks.append(float(x[-1]))
        labels.append(end)
        axes.axvline(x[-1], color="0.7", linewidth=0.5, zorder=0)
        position = float(x[-1])
    merged = _merged(ticks, labels, gap)
    axes.set_xticks([x for x, _ in merged], [label for _, label in merged])
    axes.set_xlim(ticks[0], ticks[-1])


def _merged(ticks: list[float], labels: list[str], gap: float) -> list[tuple[float, str]]:
    """Ticks on both sides of a jump as one, "U|K"."""
    found: list[tuple[float, str]] = []
    for x, label in zip(ticks, labels, strict=True):
        if found and x - found[-1][0] < 1.5 * gap:
            found[-1] = (0.5 * (x + found[-1][0]), f"{found[-1][1]}|{label}")
        else:
            found.append((x, label))
    return found


def _draw_states(axes: Axes, result: PhononResult) -> None:
    states, symbols = result.states, result.atoms.get_chemical_symbols()
    axes.plot(states.total, states.frequencies, color=COLOURS[6], linewidth=0.9, label="total")
    elements = list(dict.fromkeys(symbols))
    for k, element in enumerate(elements if len(elements) > 1 else []):
        rows = [row for row, symbol in enumerate(symbols) if symbol == element]
        axes.plot(
            states.projected[rows].sum(axis=0), states.frequencies, color=COLOURS[k + 1], linewidth=0.9, label=element
        )
    axes.set(xlabel="states\n(1/THz per cell)", xlim=(0.0, None))
    if len(elements) > 1:
        axes.legend()


def thermal_figure(result: PhononResult) -> Figure:
    """Free energy, entropy and heat capacity per mole of atoms, with the classical limit 3R."""
    n, thermal = len(result.atoms), result.thermal
    with house_style():
        figure = new_figure(3.4, 3.6)
        top, bottom = figure.subplots(2, 1, sharex=True)
        top.plot(thermal.temperatures, thermal.free_energy / n, color=COLOURS[0])
        top.axhline(0.0, color="0.7", linewidth=0.5)
        top.set(ylabel="free energy\n(kJ/mol of atoms)")
        bottom.plot(thermal.temperatures, thermal.heat_capacity / n, color=COLOURS[1], label="heat capacity $C_V$")
        bottom.plot(thermal.temperatures, thermal.entropy / n, color=COLOURS[2], label="entropy")
        bottom.axhline(3 * GAS_CONSTANT_J_PER_K_PER_MOL, color=COLOURS[6], linewidth=0.8, linestyle="--", label="3R")
        bottom.set(xlabel="temperature (K)", ylabel="J/K/mol of atoms", xlim=(0.0, float(thermal.temperatures.max())))
        bottom.legend()
        if not result.stable:
            top.set_title("imaginary modes are left out: no meaning", color=COLOURS[1])
    return figure


def decay_figure(result: PhononResult) -> Figure:
    """Norms of the force constants over the distance, which must be small where the supercell ends."""
    distances, norms = result.harmonic.norms_over_distance()
    shown = norms > 1e-9 * norms.max()
    width = float(widths_A(result.atoms, result.crystal.matrix).min())
    with house_style():
        figure = new_figure(3.4, 2.4)
        axes = figure.subplots()
        axes.semilogy(distances[shown], norms[shown], ".", color=COLOURS[0], markersize=3)
        label_decades(axes.yaxis)
        axes.axvline(0.5 * width, color=COLOURS[1], linewidth=0.8, linestyle="--", label="half width of the supercell")
        outer = (OUTER_FRACTION * float(distances.max()), float(distances.max()))
        axes.axvspan(*outer, color="0.92", zorder=0, label="edge, compared with the atom itself")
        axes.set(xlabel="distance (Å)", ylabel="force constant (eV/Å²)", xlim=(-0.2, None))
        figure.legend(loc="outside upper center")
    assert np.isfinite(norms).all()
    return figure
