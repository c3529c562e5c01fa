"""``alignn-ff predict``: properties of structures by a model of any kind: numbers, classes, values per atom."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignn_ff.cli.console import errors, results
from alignn_ff.cli.model_choice import OF_CALCULATORS, ModelChoice, chosen_model, source_json
from alignn_ff.cli.options import JsonOption
from alignn_ff.cli.schema import options_of
from alignn_ff.cli.structure_choice import STRUCTURE_NAMES, StructureChoice
from alignn_ff.runs.domain import OutsideChoice

if TYPE_CHECKING:
    from ase import Atoms

    from alignn_ff.domain import Finding
    from alignn_ff.prediction import Prediction
    from alignn_ff.predictor import Predictor


@options_of(ModelChoice, "model_options", panel="Model", leave_out=("model", *OF_CALCULATORS))
@options_of(OutsideChoice, "outside_options", panel="Model")
@options_of(StructureChoice, "reading", panel="Structures", names=STRUCTURE_NAMES)
def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Zoo name, model file or folder, also a published one; auto suits the structures.",
        ),
    ],
    structures: Annotated[
        list[Path],
        typer.Argument(
            metavar="STRUCTURES",
            help="Structure files in any format that ASE reads; all structures of each file are used.",
        ),
    ],
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write a table, one row per structure."),
    ] = None,
    as_json: JsonOption = False,
    *,
    outside_options: Mapping[str, Any],
    reading: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Properties of structures: scalars, vectors, classes with probabilities, values per atom."""
    import json

    from alignn_ff.io import atomic_write

    files = StructureChoice.model_validate(reading)
    named = [
        (f"{path}" if len(frames) == 1 else f"{path}[{k}]", atoms)
        for path in structures
        for frames in [files.all(path)]
        for k, atoms in enumerate(frames)
    ]
    choice = ModelChoice.model_validate(model_options)
    outside = OutsideChoice.model_validate(outside_options).outside
    from alignn_ff.predictor import load_predictor

    atoms = [atoms for _, atoms in named]
    model = chosen_model(model, [number for one in atoms for number in one.numbers], atoms)
    predictor = load_predictor(model, **choice.execution())
    outputs = predictor.predict(atoms, derivatives=False)
    if csv_file is not None:
        with atomic_write(csv_file) as temporary:
            temporary.write_text(_csv(named, outputs), encoding="utf-8")
    if as_json:
        rows = [
            {"structure": name, "formula": atoms.get_chemical_formula(), **output.to_json()}
            for (name, atoms), output in zip(named, outputs, strict=True)
        ]
        content = {
            "model": predictor.name,
            **source_json(predictor.source),
            "family": predictor.header.model.name,
            "predictions": rows,
        }
        typer.echo(json.dumps(content, allow_nan=False))
    else:
        _print(predictor, named, outputs)
        if csv_file is not None:
            results.print(f"table        {csv_file}", markup=False, soft_wrap=True)
    _react(outside, {name: output.outside for (name, _), output in zip(named, outputs, strict=True)})


def _react(outside: str, findings: "Mapping[str, tuple[Finding, ...]]") -> None:
    """Warn of structures outside of the training data, and end with exit code 4, as the user chose."""
    from alignn_ff.domain import OUTSIDE, OutsideError

    action = OUTSIDE[outside]
    for name, found in findings.items():
        for finding in found if action.warns else ():
            errors.print(
                f"warning: {name} is outside of the training data: {finding.message}", markup=False, soft_wrap=True
            )
    stopping = [name for name, found in findings.items() if any(finding.stops for finding in found)]
    if action.stops and stopping:
        raise OutsideError(f"{len(stopping)} of {len(findings)} structures are outside: {', '.join(stopping[:5])}")


def _print(predictor: "Predictor", named: "list[tuple[str, Atoms]]", outputs: "list[Prediction]") -> None:
    from alignn_ff.cli.summaries.summary import count, print_origin, summary_table

    results.print(f"{count(len(named), 'structure')} · model {predictor.name}", markup=False, soft_wrap=True)
    if predictor.source is not None:
        print_origin(*predictor.source)
    for (name, atoms), output in zip(named, outputs, strict=True):
        rows: list[tuple[str, ...]] = [(f"  {column}", value) for column, value in _columns(output).items()]
        rows += (
            [
                (f"  atom {i} {symbol}", *(f"{v:.6g}" for v in row))
                for i, (symbol, row) in enumerate(zip(atoms.symbols, output.atomwise, strict=True))
            ]
            if output.atomwise is not None
            else []
        )
        results.print(f"{name}  {atoms.get_chemical_formula()}", markup=False, soft_wrap=True)
        results.print(summary_table(rows))


def _csv(named: "list[tuple[str, Atoms]]", outputs: "list[Prediction]") -> str:
    """One row per structure; values per atom are one column each, separated by spaces."""
    rows: list[dict[str, str]] = []
    for (name, atoms), output in zip(named, outputs, strict=True):
        row = {"structure": name, "formula": atoms.get_chemical_formula(), **_columns(output, exact=True)}
        if output.atomwise is not None:
            for k, column in enumerate(output.atomwise.T):
                row[f"atomwise_{k}"] = " ".join(repr(float(v)) for v in column)
        rows.append(row)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _columns(output: "Prediction", *, exact: bool = False) -> dict[str, str]:
    """Column → number, for all outputs per structure."""

    def shown(number: float) -> str:
        return repr(float(number)) if exact else f"{number:.6g}"

    columns: dict[str, str] = {}
    if output.energy is not None:
        columns["energy_eV"] = shown(output.energy)
    if output.predicted_class is not None:
        columns["class"] = str(output.predicted_class)
    for name, numbers in (
        ("output", output.values),
        ("probability", output.probabilities),
        ("additional", output.additional),
    ):
        if numbers is not None:
            single = name == "output" and len(numbers) == 1
            columns |= {name if single else f"{name}_{k}": shown(v) for k, v in enumerate(numbers)}
    return columns
