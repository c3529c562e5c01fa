"""Figures of data sets: distributions of labels, elements and distances."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.train import Record
from alignn_ff.units import GPA_PER_EV_PER_A3

Array = NDArray[np.float64]
Sets = Mapping[str, Sequence[Record]]


def data_figures(sets: Sets, shortest: Mapping[str, Mapping[str, float]]) -> dict[str, Figure]:
    """Name → figure: distributions of labels, elements, shortest distances.

    Args:
        sets: name → records.
        shortest: set → pair of elements → shortest distance, Å.
    """
    return {
        "labels": _distributions(sets),
        "elements": _elements(sets),
        "shortest_distances": _distances(shortest),
    }


def _distributions(sets: Sets) -> Figure:
    shown = {title: found for title, measure in LABELS.items() if (found := _measured(sets, measure))}
    with house_style():
        figure = new_figure(2.4 * max(len(shown), 1), 2.2)
        axes = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
        for panel, (title, measured) in zip(axes, shown.items(), strict=False):
            everything = np.concatenate(list(measured.values()))
            bins = np.linspace(everything.min(), everything.max() + 1e-9, 50)
            for colour, (name, numbers) in zip(_colours(len(measured)), measured.items(), strict=True):
                panel.hist(numbers, bins=bins, histtype="step", color=colour, label=name)
            panel.set_xlabel(title)
            panel.set_yscale("log")
        axes[0].set_ylabel("number")
        if len(sets) > 1:
            axes[0].legend()
    return figure


def _elements(sets: Sets) -> Figure:
    counts = {name: _atoms_of(records) for name, records in sets.items()}
    symbols = sorted({symbol for found in counts.values() for symbol in found})
    with house_style():
        figure = new_figure(max(3.2, 0.16 * len(symbols) + 1.0), 2.2)
        axes = figure.subplots()
        width = 0.8 / len(sets)
        for k, (colour, (name, found)) in enumerate(zip(_colours(len(sets)), counts.items(), strict=True)):
            places = np.arange(len(symbols)) + k * width
            axes.bar(places, [found.get(symbol, 0) for symbol in symbols], width=width, color=colour, label=name)
        axes.set_xticks(np.arange(len(symbols)) + 0.4 - 0.5 * width, symbols, rotation=90 if len(symbols) > 20 else 0)
        axes.set_yscale("log")
        axes.set_ylabel("atoms")
        if len(sets) > 1:
            axes.legend()
    return figure


def _distances(shortest: Mapping[str, Mapping[str, float]], n_shown: int = 30) -> Figure:
    """The shortest distances of the closest pairs of elements."""
    closest = {
        pair: min(found[pair] for found in shortest.values() if pair in found)
        for pair in {pair for found in shortest.values() for pair in found}
    }
    pairs = sorted(closest, key=lambda pair: closest[pair])[:n_shown]
    with house_style():
        figure = new_figure(max(3.2, 0.2 * len(pairs) + 1.0), 2.2)
        axes = figure.subplots()
        for colour, (name, found) in zip(_colours(len(shortest)), shortest.items(), strict=True):
            values = [found.get(pair, np.nan) for pair in pairs]
            axes.plot(range(len(pairs)), values, "o", markersize=3, color=colour, label=name)
        axes.set_xticks(range(len(pairs)), pairs, rotation=90)
        axes.set_ylabel("shortest distance (Å)")
        if len(shortest) > 1:
            axes.legend()
    return figure


def _measured(sets: Sets, measure: Callable[[Record], Array | None]) -> dict[str, Array]:
    """Set → all numbers of a kind; sets without such numbers are left out."""
    found = {name: [v for v in map(measure, records) if v is not None] for name, records in sets.items()}
    return {name: np.concatenate(values) for name, values in found.items() if values}


def _atoms_of(records: Sequence[Record]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in records:
        for symbol in record.atoms.symbols:
            counts[symbol] = counts.get(symbol, 0) + 1
    return counts


def _colours(n: int) -> list[str]:
    return [COLOURS[k % len(COLOURS)] for k in range(n)]


LABELS: Final[dict[str, Callable[[Record], Array | None]]] = {
    "energy (eV/atom)": lambda r: None if r.energy is None else np.array([r.energy / len(r.atoms)]),
    "force component (eV/Å)": lambda r: None if r.forces is None else r.forces.ravel(),
    "pressure (GPa)": lambda r: None if r.stress is None else np.array([-np.trace(r.stress) / 3 * GPA_PER_EV_PER_A3]),
    "atoms per structure": lambda r: np.array([float(len(r.atoms))]),
}
"""Axis label → the numbers of one record."""
