"""The quick check that other commands run on a model that they have made."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from alignn_ff.cli.console import stoppable
from alignn_ff.errors import AlignnError, PropertyModelError

FILE_NAME: Final = "check.json"

CheckOption = Annotated[
    bool, typer.Option("--check/--no-check", help="Check the model quickly at the end, and write the report beside it.")
]


def check_quickly(
    model: str | Path, folder: Path, *, device: str, console: Console, file_name: str = FILE_NAME
) -> None:
    """Check a force field, write the report, and print one line, with the laws that do not hold.

    A check that cannot run is one line too: the model is there already.

    Args:
        model: name, file or folder.
        folder: of the report.
        device: where the network runs.
        console: that the line is printed on.
        file_name: of the report.

    Raises:
        PropertyModelError: the model has no forces.
    """
    from alignn_ff.check import CheckConfig, check_potential
    from alignn_ff.cli.summaries.check import print_verdict
    from alignn_ff.io import write_json
    from alignn_ff.potential import load_potential

    try:
        with stoppable("the model is complete; only its check is missing"):
            potential = load_potential(model, device=device, dtype="float64")
            report = check_potential(potential, config=CheckConfig(effort="quick"))
        content: dict[str, Any] = report.to_json()
        if Path(model).is_relative_to(folder):  # a path that stays true if the folder moves
            content["model"]["name"] = content["model"]["path"] = str(Path(model).relative_to(folder))
        write_json(folder / file_name, content)
    except PropertyModelError:
        raise
    except AlignnError as error:
        console.print(f"not checked: {error}", style="yellow", markup=False, soft_wrap=True)
    else:
        print_verdict(report, folder / file_name, console)
