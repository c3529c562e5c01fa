"""Figures name what they show."""

import numpy as np

from alignn_ff.analysis import Curve, Drawing, Panel
from alignn_ff.plots.observables import draw


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
