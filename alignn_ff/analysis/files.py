"""Which files an analysis writes: a JSON summary, a CSV file per table of curves, structures, figures."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alignn_ff.analysis.result import Table
from alignn_ff.analysis.run import Analysis
from alignn_ff.analysis.table import OBSERVABLES, ObservableName
from alignn_ff.io import atomic_write, named_output, write_json, write_structure


@dataclass(frozen=True)
class AnalysisFiles:
    """Files of an analysis.

    Attributes:
        summary: JSON.
        tables: table of curves → CSV.
        figures: table of curves → figure; empty if figures are not wanted.
        structures: observable → its structure, extended XYZ.
    """

    summary: Path
    tables: dict[str, Path]
    figures: dict[str, Path]
    structures: dict[ObservableName, Path]

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that may be written."""
        return (self.summary, *self.tables.values(), *self.figures.values(), *self.structures.values())


def analysis_files(
    trajectory: str | Path,
    observables: Iterable[ObservableName],
    *,
    prefix: str | Path | None = None,
    figures: str | None = "png",
) -> AnalysisFiles:
    """Files for an analysis of ``trajectory``: names begin with ``prefix``, or with "<stem>-analysis" if it is None.

    Args:
        trajectory: the file.
        observables: what is computed.
        prefix: of the names, or a folder for files with the usual names.
        figures: format of the figures; None for none.
    """
    trajectory = Path(trajectory)
    beginning = named_output(prefix, f"{trajectory.stem}-analysis")
    rows = {name: OBSERVABLES[name] for name in observables}
    tables = [table for row in rows.values() for table in row.tables]

    def named(ending: str) -> Path:
        return beginning.with_name(beginning.name + ending)

    return AnalysisFiles(
        summary=named(".json"),
        tables={name: named(f"-{name}.csv") for name in tables},
        figures={} if figures is None else {name: named(f"-{name}.{figures}") for name in tables},
        structures={name: named(f"-{name}.extxyz") for name, row in rows.items() if row.gives_structure},
    )


def write_analysis(files: AnalysisFiles, analysis: Analysis) -> list[Path]:
    """Write summary, curves and structures, each file completely or not at all.

    Returns:
        The files that were written.
    """
    written = [files.summary]
    write_json(files.summary, analysis.to_json())
    for observable, result in analysis.results.items():
        for name, table in result.tables.items():
            _write_csv(files.tables[name], table)
            written.append(files.tables[name])
        if result.structure is not None:
            write_structure(files.structures[observable], result.structure)
            written.append(files.structures[observable])
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
