"""The printed summary of a property."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignn_ff.cli.console import results
from alignn_ff.cli.summaries.summary import count, print_files, print_title, summary_table
from alignn_ff.labels import label_of, shown

if TYPE_CHECKING:
    from alignn_ff.properties.forecast import Forecast
    from alignn_ff.properties.result import PropertyResult


def print_property(name: str, result: "PropertyResult", files: Sequence[Path], *, as_json: bool) -> None:
    """Print the numbers, the remarks, the checks, and the files; or only the JSON content."""
    if as_json:
        results.print(json.dumps(result.to_json(), indent=2), markup=False, soft_wrap=True)
        return
    n_atoms = len(result.atoms)
    print_title(f"{name} of {result.atoms.get_chemical_formula()}, {count(n_atoms, 'atom')}", result.model)
    results.print(summary_table([(label_of(key), shown(value)) for key, value in result.summary.items()]))
    if result.checks:
        results.print("checks", style="bold")
        results.print(summary_table([(label_of(key), shown(value)) for key, value in result.checks.items()]))
    for remark in result.remarks:
        results.print(f"! {remark.sentence}", style="bold red", markup=False, soft_wrap=True)
    print_files(("" if index else "files", path) for index, path in enumerate(files))


def print_forecast(name: str, found: "Forecast | None", *, as_json: bool) -> None:
    """Print what a property will cost; or only the JSON content."""
    if as_json:
        results.print(json.dumps(found and found.to_json(), indent=2), markup=False, soft_wrap=True)
        return
    if found is None:
        results.print(f"{name} has no forecast", markup=False)
        return
    results.print(f"{name}: {found.sentence}", style="bold", markup=False, soft_wrap=True)
    rows = [
        (part.what, f"{part.n_structures} of {count(part.n_atoms, 'atom')}, {count(part.evaluations, 'evaluation')}")
        for part in found.parts
    ]
    results.print(summary_table(rows))
