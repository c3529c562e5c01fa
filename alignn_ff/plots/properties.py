"""Figures of properties: one row per kind of result that has any."""

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
from alignn_ff.properties.coexistence import MeltingResult
from alignn_ff.properties.conductivity import KappaResult
from alignn_ff.properties.crystal_report import ReportResult
from alignn_ff.properties.defects import DefectResult
from alignn_ff.properties.elasticity import ElasticResult
from alignn_ff.properties.equation_of_state import EOSResult
from alignn_ff.properties.faults import FaultResult
from alignn_ff.properties.formation import HullResult
from alignn_ff.properties.pairs import DimerResult
from alignn_ff.properties.phonons import PhononResult
from alignn_ff.properties.quasi_harmonic import QHAResult
from alignn_ff.properties.reaction_path import NEBResult
from alignn_ff.properties.result import PropertyResult
from alignn_ff.properties.surfaces import SurfaceResult
from alignn_ff.properties.thermochemistry import ThermoResult

Figures = Callable[[Any], dict[str, Figure]]
"""result → name of a figure → figure."""

PROPERTY_FIGURES: Final[dict[type[PropertyResult], Figures]] = {
    PhononResult: phonon_figures,
    QHAResult: lambda result: {"expansion": expansion_figure(result)},
    ThermoResult: lambda result: {"thermo": thermo_figure(result)},
    KappaResult: lambda result: {"kappa": conductivity_figure(result)},
    EOSResult: lambda result: {"eos": eos_figure(result)},
    ElasticResult: lambda result: {"stress": elastic_figure(result)},
    DefectResult: lambda result: {"defects": defects_figure(result)},
    SurfaceResult: surface_figures,
    FaultResult: lambda result: {"fault": fault_figure(result)},
    NEBResult: lambda result: {"path": neb_figure(result)},
    MeltingResult: lambda result: {"melting": melting_figure(result)},
    DimerResult: lambda result: {"curves": dimer_figure(result)},
    HullResult: lambda result: {"hull": hull_figure(result)},
}
"""Class of a result → its figures."""


def property_figures(result: PropertyResult) -> dict[str, Figure]:
    """Name → figure of a result; of a report those of its parts."""
    if isinstance(result, ReportResult):
        parts = {name: property_figures(part) for name, part in result.parts.items()}
        return {f"{name}-{kind}": figure for name, figures in parts.items() for kind, figure in figures.items()}
    draw = PROPERTY_FIGURES.get(type(result))
    return {} if draw is None else draw(result)


def save_property_figures(result: PropertyResult, prefix: Path, *, suffix: str = ".png") -> list[Path]:
    """Draw and write the figures of a property.

    Returns:
        The files.
    """
    if isinstance(result, ReportResult):
        return [save_report(result, prefix.with_name(f"{prefix.name}.html"))]
    paths = []
    for kind, figure in property_figures(result).items():
        paths.append(prefix.with_name(f"{prefix.name}-{kind}{suffix}"))
        save_figure(figure, paths[-1])
    return paths


def save_report(result: ReportResult, path: Path) -> Path:
    """Write the page of a report with the figures of all its parts."""
    figures = {name: property_figures(part) for name, part in result.parts.items()}
    with atomic_write(path) as temporary:
        temporary.write_text(report_page(result, figures), encoding="utf-8")
    return path
