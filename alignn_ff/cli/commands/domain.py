"""``alignn-ff domain``: what a model was trained on, against structures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.model_choice import OF_CALCULATORS, ModelChoice, source_json
from alignn_ff.cli.options import JsonOption
from alignn_ff.cli.schema import options_of
from alignn_ff.cli.structure_choice import STRUCTURE_NAMES, StructureChoice

if TYPE_CHECKING:
    from alignn_ff.runs.domain_report import Compared, DomainReport

VERDICTS: Final = {True: "inside", False: "OUTSIDE", None: "not known"}


@options_of(ModelChoice, "model_options", panel="Model", leave_out=("model", *OF_CALCULATORS))
@options_of(StructureChoice, "reading", panel="Structures", names=STRUCTURE_NAMES)
def domain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name, model file or folder.")],
    structures: Annotated[
        list[Path],
        typer.Argument(
            metavar="STRUCTURES",
            help="Structure files in any format that ASE reads; all structures of each file are used.",
        ),
    ],
    as_json: JsonOption = False,
    *,
    reading: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Compare structures with the training data of a model: elements, neighbours, distances, energies, forces.

    Each number is printed beside the range of the training data. What is outside by more than the margins of the
    checks, which also warn in every run, is told below.
    """
    files, choice = StructureChoice.model_validate(reading), ModelChoice.model_validate(model_options)
    named = [(path, k, atoms) for path in structures for k, atoms in enumerate(files.all(path))]
    from alignn_ff.potential import load_potential
    from alignn_ff.runs.domain_report import domain_report

    potential = load_potential(model, for_atoms=named[0][2], **choice.execution())
    reports = [(f"{path}[{k}]", domain_report(atoms, potential)) for path, k, atoms in named]
    if as_json:
        rows = [{"structure": name, **report.to_json()} for name, report in reports]
        typer.echo(json.dumps({"model": potential.name, **source_json(potential.source), "structures": rows}, indent=2))
        return
    for name, report in reports:
        _print(name, report)


def _print(name: str, report: "DomainReport") -> None:
    from alignn_ff.cli.summaries.summary import count, summary_table

    size = f"trained on {count(report.n_structures, 'structure')}" if report.n_structures else "training data not known"
    title = f"{name}: {report.formula}, {count(report.n_atoms, 'atom')} · model {report.model}, {size}"
    results.print(title, markup=False, soft_wrap=True)
    rows = [_row(line) for line in report.compared]
    results.print(summary_table(rows, header=("", "training data", "structure", "unit", "")))
    if report.not_covered:
        results.print(f"not covered by the model: {', '.join(report.not_covered)}", style="bold red")
    for finding in report.findings:
        results.print(f"outside: {finding.message}", style="yellow", markup=False, soft_wrap=True)


def _row(line: "Compared") -> tuple[str, ...]:
    return line.quantity, _range(line), _number(line.structure), line.unit, VERDICTS[line.inside]


def _range(line: "Compared") -> str:
    low, high = line.training
    if low is None:
        return "–"
    if high is None:
        return f"from {_number(low)}"
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value}" if isinstance(value, int) else f"{value:.4f}"
