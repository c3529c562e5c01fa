"""``alignn-ff export``: a force field as a file for other programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from alignn_ff.choices import KeyOf
from alignn_ff.cli.checking import CheckOption, check_quickly
from alignn_ff.cli.console import errors, results
from alignn_ff.cli.options import JsonOption, OverwriteOption, output_option
from alignn_ff.cli.schema import options_of
from alignn_ff.export.options import STRESS_UNITS
from alignn_ff.export.targets import TARGETS
from alignn_ff.runs.config import RunConfig

if TYPE_CHECKING:
    from alignn_ff.export import Exported


class ExportChoice(RunConfig):
    """What is written."""

    to: Annotated[str, KeyOf(TARGETS)] = Field("torchscript", description="kind of the file")
    dtype: str = Field("float32", description="precision of the network in the file, float32 or float64")
    stress_unit: str = Field(
        "eV/A^3",
        description=f"unit of the stress that the file returns, {' or '.join(STRESS_UNITS)}; torchscript and aoti only",
    )
    device: str = Field("cpu", description="that the machine code is made for, cpu or cuda; aoti only")


@options_of(ExportChoice, "choice", panel="Output")
def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Zoo name, model file or folder, also one of the published package.")
    ],
    output: Annotated[
        str | None,
        output_option("File that is written.", "the model's name with the suffix of the target", metavar="FILE"),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    check: CheckOption = True,
    *,
    choice: Mapping[str, Any],
) -> None:
    """Export a force field to a file for other programs.

    The file is read back in a new process and compared with the model before it is kept. A file that gives other
    numbers is deleted, and the exit code is 1. The model itself is checked too; the report is FILE.check.json.
    """
    import json

    chosen = ExportChoice.model_validate(choice)
    from alignn_ff.export import ExportOptions
    from alignn_ff.export import export as write
    from alignn_ff.io import named_output

    path = named_output(output, Path(model).stem + TARGETS[chosen.to].suffix)
    exported = write(
        model,
        path,
        **chosen.model_dump(include={"to", "dtype"}),
        options=ExportOptions(**chosen.model_dump(include=set(ExportOptions._fields))),
        overwrite=overwrite,
    )
    if as_json:
        typer.echo(json.dumps(exported.to_json(), allow_nan=False))
    else:
        print_exported(exported)
    if check:
        name = f"{exported.path.name}.check.json"
        check_quickly(model, exported.path.parent, device="cpu", console=errors, file_name=name)


def print_exported(exported: "Exported") -> None:
    """File, and how closely it agrees with the model on each structure."""
    from alignn_ff.cli.summaries.summary import summary_table

    results.print(f"{exported.path}  ({exported.target}, {exported.proof.dtype})", markup=False, soft_wrap=True)
    results.print("read back in a new process; largest differences from the eager model in float64:", markup=False)
    rows = [
        (
            difference.structure,
            f"{difference.n_atoms}",
            f"{difference.largest_force_eV_per_A:.1f}",
            f"{difference.energy_eV:.0e}",
            f"{difference.forces_eV_per_A:.0e}",
            "none" if difference.stress is None else f"{difference.stress:.0e}",
        )
        for difference in exported.proof.differences
        if difference.network == "as written"
    ]
    header = ("structure", "atoms", "largest force, eV/Å", "energy, eV", "forces, eV/Å", "stress")
    results.print(summary_table(rows, header=header))
    if exported.beside:
        names = ", ".join(path.name for path in exported.beside)
        results.print(f"beside it: {names}", markup=False, soft_wrap=True)
