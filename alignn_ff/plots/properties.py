"""Figures of properties: one row per property that has any."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from alignn_ff.io import atomic_write
from alignn_ff.plots.conductivity import conductivity_figure
from alignn_ff.plots.defects import defects_figure
from alignn_ff.plots.elasticity import elastic_figure
from alignn_ff.plots.equation_of_state import eos_figure
from alignn_ff.plots.faults import fault_figure
from alignn_ff.plots.hull import hull_figure
from alignn_ff.plots.melting import melting_figure
from alignn_ff.plots.pairs import dimer_figure
from alignn_ff.plots.phonons import phonon_figures
from alignn_ff.plots.quasi_harmonic import expansion_figure
from alignn_ff.plots.reaction_path import neb_figure
from alignn_ff.plots.report import report_page
from alignn_ff.plots.style import save_figure
from alignn_ff.plots.surfaces import surface_figures
from alignn_ff.plots.thermochemistry import thermo_figure
from alignn_ff.properties.report import ReportResult
from alignn_ff.properties.result import PropertyResult

Figures = Callable[[Any], dict[str, Figure]]
"""result → name of a figure → figure."""

PROPERTY_FIGURES: Final[dict[str, Figures]] = {
    "phonon": phonon_figures,
    "qha": lambda result: {"expansion": expansion_figure(result)},
    "thermo": lambda result: {"thermo": thermo_figure(result)},
    "kappa": lambda result: {"kappa": conductivity_figure(result)},
    "eos": lambda result: {"eos": eos_figure(result)},
    "elastic": lambda result: {"stress": elastic_figure(result)},
    "vacancy": lambda result: {"defects": defects_figure(result)},
    "interstitial": lambda result: {"defects": defects_figure(result)},
    "antisite": lambda result: {"defects": defects_figure(result)},
    "surface": surface_figures,
    "stacking-fault": lambda result: {"fault": fault_figure(result)},
    "neb": lambda result: {"path": neb_figure(result)},
    "melting": lambda result: {"melting": melting_figure(result)},
    "dimer": lambda result: {"curves": dimer_figure(result)},
    "hull": lambda result: {"hull": hull_figure(result)},
}
"""Name of a property → its figures."""


def save_property_figures(name: str, result: PropertyResult, prefix: Path, *, suffix: str = ".png") -> list[Path]:
    """Draw and write the figures of a property.

    Returns:
        The files.
    """
    if isinstance(result, ReportResult):
        return [save_report(result, prefix.with_name(f"{prefix.name}.html"))]
    draw = PROPERTY_FIGURES.get(name)
    if draw is None:
        return []
    paths = []
    for kind, figure in draw(result).items():
        paths.append(prefix.with_name(f"{prefix.name}-{kind}{suffix}"))
        save_figure(figure, paths[-1])
    return paths


def save_report(result: ReportResult, path: Path) -> Path:
    """Write the page of a report with the figures of all its parts."""
    figures = {name: PROPERTY_FIGURES[name](part) for name, part in result.parts.items() if name in PROPERTY_FIGURES}
    with atomic_write(path) as temporary:
        temporary.write_text(report_page(result, figures), encoding="utf-8")
    return path
