"""The quick check that other commands run on a model that they have made."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

FILE_NAME: Final = "check.json"

CheckOption = Annotated[
    bool, typer.Option("--check/--no-check", help=f"Check the model quickly at the end, and write {FILE_NAME}.")
]


def check_quickly(model: str | Path, folder: Path, *, device: str, console: Console) -> None:
    """Check a force field, write the report, and print one line, with the laws that do not hold.

    Args:
        model: name, file or folder.
        folder: of the report.
        device: where the network runs.
        console: that the line is printed on.
    """
    from alignn_ff.check import CheckConfig, check_potential
    from alignn_ff.cli.summaries.check import print_verdict
    from alignn_ff.io import write_json
    from alignn_ff.potential import load_potential

    potential = load_potential(model, device=device, dtype="float64")
    report = check_potential(potential, config=CheckConfig(effort="quick"))
    write_json(folder / FILE_NAME, report.to_json())
    print_verdict(report, folder / FILE_NAME, console)
