"""Figures of a training run: the learning curve, and predictions beside the labels."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from alignn_ff.plots.style import COLOURS, house_style, label_decades, new_figure
from alignn_ff.train import Comparison
from alignn_ff.train.labels import LABELS, Label


def learning_curve(history: Sequence[Mapping[str, float]]) -> Figure:
    """Losses and validation errors over the epochs, on logarithmic axes where all are positive."""
    named = {f"val_{label.error.format('MAE')}": label.curve for label in LABELS.values()}
    named["val_accuracy"] = "accuracy"
    curves = {name: title for name, title in named.items() if any(name in row for row in history)}
    with house_style():
        figure = new_figure(2.4 * (1 + len(curves)), 2.2)
        axes = figure.subplots(1, 1 + len(curves), squeeze=False)[0]
        for name, label, colour in (
            ("train_total_loss", "training", COLOURS[0]),
            ("val_loss", "validation", COLOURS[1]),
        ):
            _curve(axes[0], history, name, colour, label)
        axes[0].set_ylabel("loss")
        axes[0].legend()
        for panel, (name, label) in zip(axes[1:], curves.items(), strict=True):
            _curve(panel, history, name, COLOURS[1], None)
            panel.set_ylabel(label)
        for panel, shown in zip(axes, (("train_total_loss", "val_loss"), *((name,) for name in curves)), strict=True):
            if all(row.get(name, 1.0) > 0 for row in history for name in shown) and shown != ("val_accuracy",):
                panel.set_yscale("log")
                label_decades(panel.yaxis)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.set_xlabel("epoch")
    return figure


def parity_figures(comparisons: Mapping[str, Sequence[Comparison]]) -> dict[str, Figure]:
    """One figure per kind of label that has numbers; none for classes.

    Args:
        comparisons: split ("train", "val", …) → labels and predictions.

    Returns:
        kind of label ("energy", "forces", …) → figure.
    """
    figures = {}
    for name, label in LABELS.items():
        points = {split: _points(items, name) for split, items in comparisons.items()}
        points = {split: pairs for split, pairs in points.items() if pairs.shape[1]}
        if points:
            figures[name] = _parity(points, label)
    return figures


def _points(items: Sequence[Comparison], name: str) -> NDArray[np.float64]:
    shown = [item for item in items if not (name == "target" and item.probabilities.size)]
    arrays = [item.pair(name) for item in shown]
    return np.concatenate(arrays, axis=1) if arrays else np.zeros((2, 0))


def _parity(points: Mapping[str, NDArray[np.float64]], quantity: Label) -> Figure:
    with house_style():
        figure = new_figure(3.3, 3.1)
        axes = figure.subplots()
        everything = np.concatenate(list(points.values()), axis=1)
        low, high = float(everything.min()), float(everything.max())
        margin = 0.04 * (high - low) or 1.0
        limits = (low - margin, high + margin)
        axes.plot(limits, limits, color="0.6", linewidth=0.8, zorder=0)
        for (split, pairs), colour in zip(points.items(), COLOURS, strict=False):
            error = (pairs[1] - pairs[0]) * quantity.error_scale
            mae, rmse = float(np.abs(error).mean()), float(np.sqrt(np.mean(error**2)))
            label = f"{split}: MAE {mae:.3g}, RMSE {rmse:.3g} {quantity.error_unit}"
            dense = pairs.shape[1] > 2000
            axes.plot(
                pairs[0],
                pairs[1],
                linestyle="none",
                marker="o",
                markersize=1.5 if dense else 3,
                markeredgewidth=0,
                alpha=0.35 if dense else 0.7,
                color=colour,
                label=label,
                rasterized=dense,
            )
        axes.set(xlim=limits, ylim=limits, xlabel=f"reference {quantity.axis}", ylabel=f"predicted {quantity.axis}")
        axes.set_aspect("equal")
        axes.legend(loc="upper left", markerscale=2, handletextpad=0.2)
    return figure


def _curve(axes: Axes, history: Sequence[Mapping[str, float]], name: str, colour: str, label: str | None) -> None:
    rows = [(row["epoch"], row[name]) for row in history if name in row]
    if rows:
        axes.plot(*zip(*rows, strict=True), color=colour, label=label)
