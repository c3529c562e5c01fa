"""Figures of a calibration: errors against standard deviations, with the errors of groups of equal size."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, label_decades, new_figure
from alignn_ff.train.uncertainty.calibration import SMALLEST, Array, Measured

MOST_GROUPS: Final = 10
SMALLEST_GROUP: Final = 5


def calibration_figures(found: Mapping[str, Measured]) -> dict[str, Figure]:
    """Method and quantity → figure; well calibrated deviations have their groups on the diagonal."""
    return {name: _calibration(name, measured) for name, measured in found.items()}


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
        axes.plot(*_groups(errors, deviations), marker="s", markersize=4, color=COLOURS[1], label="RMS of groups")
        ends = [float(deviations.min()), float(deviations.max())]
        axes.plot(ends, ends, color="0.4", linewidth=0.8, label="error = deviation")
        axes.set_xscale("log")
        axes.set_yscale("log")
        label_decades(axes.xaxis, axes.yaxis)
        axes.set_ylim(bottom=float(np.quantile(errors, 0.02)) / 2)
        axes.set(xlabel=f"standard deviation ({measured.unit})", ylabel=f"error ({measured.unit})")
        axes.set_title(name.replace("_", " "))
        axes.legend(loc="lower right")
    return figure


def _groups(errors: Array, deviations: Array) -> tuple[list[float], list[float]]:
    """RMS deviation and RMS error of groups of equal size, ordered by deviation."""
    n_groups = int(np.clip(len(errors) // SMALLEST_GROUP, 1, MOST_GROUPS))
    parts = np.array_split(np.argsort(deviations, kind="stable"), n_groups)
    return [_rms(deviations[part]) for part in parts], [_rms(errors[part]) for part in parts]


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
