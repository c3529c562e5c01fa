"""Which files an analysis writes: a JSON summary, a CSV file for each set of curves, the mean structure, figures."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from alignn_ff.analysis.config import ObservableName
from alignn_ff.analysis.finding import Table
from alignn_ff.analysis.run import Analysis
from alignn_ff.io import atomic_write, write_json, write_structure

TABLES_OF: Final[dict[ObservableName, tuple[str, ...]]] = {
    "thermo": ("thermo",),
    "rdf": ("rdf",),
    "coordination": ("coordination",),
    "angles": ("angles",),
    "msd": ("msd",),
    "vdos": ("vdos", "vacf"),
    "mean": (),
}
"""Observable → its sets of curves."""


@dataclass(frozen=True)
class AnalysisFiles:
    """Files of an analysis.

    Attributes:
        summary: JSON.
        tables: set of curves → CSV.
        figures: set of curves → figure; empty if none are wanted.
        structure: the mean structure, extended XYZ.
    """

    summary: Path
    tables: dict[str, Path]
    figures: dict[str, Path]
    structure: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that may be written."""
        return (self.summary, *self.tables.values(), *self.figures.values(), self.structure)


def analysis_files(
    trajectory: Path, observables: Iterable[ObservableName], *, prefix: Path | None = None, figures: str | None = "png"
) -> AnalysisFiles:
    """Where an analysis of ``trajectory`` goes: names begin with ``prefix``, or "<stem>-analysis" here.

    Args:
        trajectory: the file.
        observables: what is measured.
        prefix: of the names.
        figures: format of the figures; None for none.
    """
    prefix = Path(f"{trajectory.stem}-analysis") if prefix is None else prefix
    names = [table for observable in observables for table in TABLES_OF[observable]]

    def named(ending: str) -> Path:
        return prefix.with_name(prefix.name + ending)

    return AnalysisFiles(
        summary=named(".json"),
        tables={name: named(f"-{name}.csv") for name in names},
        figures={} if figures is None else {name: named(f"-{name}.{figures}") for name in names},
        structure=named("-mean.extxyz"),
    )


def write_analysis(files: AnalysisFiles, analysis: Analysis) -> list[Path]:
    """Write summary, curves and mean structure, each whole or not at all.

    Returns:
        What was written.
    """
    written = [files.summary]
    write_json(files.summary, analysis.to_json())
    for finding in analysis.findings.values():
        for name, table in finding.tables.items():
            _write_csv(files.tables[name], table)
            written.append(files.tables[name])
        if finding.structure is not None:
            write_structure(files.structure, finding.structure)
            written.append(files.structure)
    return written


def _write_csv(path: Path, table: Table) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(
        ["" if np.isnan(value) else repr(float(value)) for value in row] for row in zip(*table.values(), strict=True)
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
