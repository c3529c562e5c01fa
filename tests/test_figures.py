"""Figures name what they show."""

from itertools import pairwise

import numpy as np
import pytest

from alignn_ff.analysis import Curve, Drawing, Panel
from alignn_ff.plots.observables import draw
from alignn_ff.plots.style import label_decades, new_figure


def test_the_band_of_an_error_is_explained_once() -> None:
    x = np.arange(3.0)
    curves = tuple(Curve(x, x + k, label, error=np.ones(3)) for k, label in enumerate(("a", "b")))
    legend = draw(Drawing((Panel(curves, "x (Å)", "y (eV)"),))).axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a", "± standard error", "b"]


def test_a_band_without_names_of_curves_is_explained_too() -> None:
    x = np.arange(3.0)
    legend = draw(Drawing((Panel((Curve(x, x, error=np.ones(3)),), "x (Å)", "y (eV)"),))).axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["± standard error"]


@pytest.mark.parametrize("high", [1.5, 8.0, 30.0, 900.0, 1e5, 1e12])
def test_a_logarithmic_axis_has_several_labels_and_none_overlap(high: float) -> None:
    figure = new_figure(3.4, 2.2)
    axes = figure.subplots()
    axes.semilogy([0.0, 1.0], [1.1, 1.1 * high])
    label_decades(axes.yaxis)
    figure.canvas.draw()
    low, top = axes.get_ylim()
    shown = [tick.label1 for tick in axes.yaxis.get_major_ticks() if low <= tick.get_loc() <= top]
    boxes = [label.get_window_extent() for label in shown if label.get_text()]
    assert len(boxes) >= (2 if high > 2 else 1)
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))
