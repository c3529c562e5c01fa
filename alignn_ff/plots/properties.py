"""Figures of properties: one row per property that has any."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from alignn_ff.plots.conductivity import conductivity_figure
from alignn_ff.plots.elasticity import elastic_figure
from alignn_ff.plots.equation_of_state import eos_figure
from alignn_ff.plots.phonons import phonon_figures
from alignn_ff.plots.quasi_harmonic import expansion_figure
from alignn_ff.plots.style import save_figure
from alignn_ff.properties.result import PropertyResult

Figures = Callable[[Any], dict[str, Figure]]
"""result → name of a figure → figure."""

PROPERTY_FIGURES: Final[dict[str, Figures]] = {
    "phonon": phonon_figures,
    "qha": lambda result: {"expansion": expansion_figure(result)},
    "kappa": lambda result: {"kappa": conductivity_figure(result)},
    "eos": lambda result: {"eos": eos_figure(result)},
    "elastic": lambda result: {"stress": elastic_figure(result)},
}
"""Name of a property → its figures."""


def save_property_figures(name: str, result: PropertyResult, prefix: Path, *, suffix: str = ".png") -> list[Path]:
    """Draw and write the figures of a property.

    Returns:
        The files.
    """
    draw = PROPERTY_FIGURES.get(name)
    if draw is None:
        return []
    paths = []
    for kind, figure in draw(result).items():
        paths.append(prefix.with_name(f"{prefix.name}-{kind}{suffix}"))
        save_figure(figure, paths[-1])
    return paths
