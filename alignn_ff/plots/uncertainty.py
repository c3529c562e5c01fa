"""Figures of calibrations: errors against standard deviations, with the errors of groups of equal size."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignn_ff.checkpoint import CalibrationGroups
from alignn_ff.plots.style import COLOURS, house_style, label_decades, new_figure
from alignn_ff.train.uncertainty.calibration import SMALLEST, Measured, groups

QUANTITIES: Final = ("energy", "forces", "stress")
MARKERS: Final = ("o", "s", "^")


def calibration_figures(found: Mapping[str, Measured]) -> dict[str, Figure]:
    """Method and quantity → figure; well calibrated deviations have their groups on the diagonal."""
    return {name: _calibration(name, measured) for name, measured in found.items()}


def calibration_of_models(models: Mapping[str, Mapping[str, CalibrationGroups]]) -> Figure | None:
    """One figure of the calibrations that model files keep: a panel per quantity, a line per model.

    Args:
        models: name → method and quantity ("last_layer forces") → its groups.

    Returns:
        None where no model keeps any.
    """
    panels = {quantity: _lines(models, quantity) for quantity in QUANTITIES}
    panels = {quantity: lines for quantity, lines in panels.items() if lines}
    if not panels:
        return None
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    with house_style():
        figure = new_figure(2.3 * len(panels) + 0.9, 2.4)
        for axes, (quantity, lines) in zip(np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True):
            for name, line in lines.items():
                place = names.index(name)
                marker, colour = MARKERS[place // len(COLOURS) % len(MARKERS)], COLOURS[place % len(COLOURS)]
                axes.plot(line.deviations, line.errors, marker=marker, markersize=3, color=colour, label=name)
            units = {line.unit for line in lines.values()}
            _finish(axes, [end for line in lines.values() for end in line.deviations], " or ".join(sorted(units)))
            axes.set_title(quantity)
        shown = {
            label: line for axes in figure.axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(shown.values(), shown.keys(), loc="outside right center")
    return figure


def _lines(models: Mapping[str, Mapping[str, CalibrationGroups]], quantity: str) -> dict[str, CalibrationGroups]:
    """Model, and its method where there are two → groups of one quantity."""
    lines = dict[str, CalibrationGroups]()
    for name, kept in models.items():
        found = {method: line for method, line in kept.items() if method.endswith(f" {quantity}")}
        for method, line in found.items():
            lines[name if len(found) == 1 else f"{name}, {method.split()[0].replace('_', ' ')}"] = line
    return lines


def _calibration(name: str, measured: Measured) -> Figure:
    errors, deviations = (np.maximum(values, SMALLEST) for values in (measured.errors, measured.deviations))
    with house_style():
        figure = new_figure(3.3, 3.1)
        axes = figure.subplots()
        dense = len(errors) > 2000
        axes.plot(
            deviations,
            errors,
            linestyle="none",
            marker="o",
            markersize=1.5 if dense else 3,
            markeredgewidth=0,
            alpha=0.3,
            color=COLOURS[0],
            label="each",
            rasterized=dense,
        )
        points = groups(measured)
        axes.plot(points.deviations, points.errors, marker="s", markersize=4, color=COLOURS[1], label="RMS of groups")
        _finish(axes, deviations, measured.unit)
        axes.set_ylim(bottom=float(np.quantile(errors, 0.02)) / 2)
        axes.set_title(name.replace("_", " "))
        axes.legend(loc="lower right")
    return figure


def _finish(axes: Axes, deviations: Iterable[float], unit: str) -> None:
    """The diagonal, logarithmic axes and their labels."""
    known = list(deviations)
    ends = [min(known), max(known)]
    axes.plot(ends, ends, color="0.4", linewidth=0.8, label="error = deviation")
    axes.set_xscale("log")
    axes.set_yscale("log")
    label_decades(axes.xaxis, axes.yaxis)
    axes.set(xlabel=f"standard deviation ({unit})", ylabel=f"error ({unit})")
