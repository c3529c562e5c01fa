"""Files of a property: JSON, tables, structures, documents; all named after one prefix."""

import csv
from glob import escape
from pathlib import Path
from typing import Any, Final

import ase.io
import numpy as np

from alignn_ff.io import atomic_write, write_json
from alignn_ff.properties.result import Columns, PropertyResult

RESTART: Final = "-restart.jsonl"


def result_file(prefix: Path) -> Path:
    """The JSON file of a result."""
    return prefix.with_name(f"{prefix.name}.json")


def restart_file(prefix: Path) -> Path:
    """The journal of a run that has not finished."""
    return prefix.with_name(prefix.name + RESTART)


def result_of(restart: Path) -> Path | None:
    """The JSON file of the run that a restart file was of; None where the restart file exists, or no result does."""
    result = result_file(restart.with_name(restart.name.removesuffix(RESTART)))
    return result if restart.name.endswith(RESTART) and not restart.exists() and result.is_file() else None


def present_files(prefix: Path) -> list[Path]:
    """Files of an earlier run with this prefix, its restart file left out."""
    endings = ("*.csv", "*.extxyz", "*.png", "*.pdf", "*.svg", "*.yaml", "*.hdf5", "*.html")
    folder = prefix.parent
    found = [path for ending in endings for path in folder.glob(f"{escape(prefix.name)}-{ending}")]
    json_file = result_file(prefix)
    return sorted(found + ([json_file] if json_file.exists() else []))


def write_result(prefix: Path, result: PropertyResult) -> list[Path]:
    """Write everything but figures, each file completely or not at all; the JSON file last.

    Returns:
        The files, in the order in which a reader wants them.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for name, columns in result.tables.items():
        written.append(prefix.with_name(f"{prefix.name}-{name}.csv"))
        write_csv(written[-1], columns)
    for name, frames in result.structures.items():
        written.append(prefix.with_name(f"{prefix.name}-{name}.extxyz"))
        with atomic_write(written[-1]) as temporary:
            ase.io.write(temporary, frames, format="extxyz")
    for name, text in result.documents.items():
        written.append(prefix.with_name(f"{prefix.name}-{name}"))
        with atomic_write(written[-1]) as temporary:
            temporary.write_text(text, encoding="utf-8")
    write_json(result_file(prefix), result.to_json())
    return [result_file(prefix), *written]


def write_csv(path: Path, columns: Columns) -> None:
    """Write a table, numbers with all digits."""
    rows = zip(*(_cells(column) for column in columns.values()), strict=True)
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _cells(column: Any) -> list[str]:
    return [value if isinstance(value, str) else "" if np.isnan(value) else repr(value) for value in _list(column)]


def _list(column: Any) -> list[Any]:
    return list(np.asarray(column).tolist())
