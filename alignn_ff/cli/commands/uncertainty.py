"""``alignn-ff uncertainty``: standard deviations of a model against its errors, and new model files that have them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.model_choice import OF_CALCULATORS, ModelChoice, source_json
from alignn_ff.cli.options import DATA_KEYS, DATA_READING, USUAL, JsonOption, OverwriteOption, output_option
from alignn_ff.cli.parsing import check_data, data_names
from alignn_ff.cli.schema import options_of
from alignn_ff.errors import ConfigError
from alignn_ff.train.config.data import DataFields

if TYPE_CHECKING:
    from alignn_ff.train import Record
    from alignn_ff.train.uncertainty.calibration import Calibration


@options_of(ModelChoice, "model_options", panel="Model", leave_out=("model", *OF_CALCULATORS))
@options_of(DataFields, "keys", panel="Labels", names=DATA_KEYS, defaults=USUAL, only=tuple(DATA_KEYS))
@options_of(DataFields, "reading", panel="Data", names=DATA_READING, only=tuple(DATA_READING))
def uncertainty(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name, model file or folder.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Labelled structures that the model was not trained on.")
    ],
    training: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="The structures that the model was trained on: measure what they tell of its last layer, and write a "
            "model that has it.",
            show_default=False,
            rich_help_panel="Output",
        ),
    ] = None,
    join: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Write a committee of MODEL and this one. Repeat the option for several.",
            show_default=False,
            rich_help_panel="Output",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        output_option("Model file that --training or --join writes.", metavar="FILE"),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    plots: Annotated[Path | None, typer.Option("--plots", file_okay=False, help="Folder for figures.")] = None,
    *,
    keys: Mapping[str, str],
    reading: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Compare the standard deviations of a committee, or of a model's last layer, with its errors on labelled data.

    With --training or --join, a model file with uncertainties is written first, calibrated on DATA.
    """
    for path in (data, *(() if training is None else (training,))):
        check_data(path)
    _check(training, join, output)
    choice = ModelChoice.model_validate(model_options)
    from alignn_ff.train import records_for

    names = data_names({**keys, **reading})
    records = records_for(model, data, names)
    used: str | Path = model
    if output is not None:
        past = None if training is None else records_for(model, training, names)
        _write(model, records, past, join or [], output, choice, overwrite=overwrite)
        used = output.absolute()
    _report(used, records, data, choice, plots, as_json=as_json)


def _check(training: Path | None, join: list[str] | None, output: Path | None) -> None:
    if training is not None and join:
        raise ConfigError("--training and --join exclude each other; add the last layers first, then join the models")
    if bool(training is not None or join) != (output is not None):
        raise ConfigError("--output FILE goes together with --training DATA or --join MODEL: the model file to write")


def _write(
    model: str,
    held_out: "Sequence[Record]",
    training: "Sequence[Record] | None",
    others: Sequence[str],
    output: Path,
    choice: ModelChoice,
    *,
    overwrite: bool,
) -> None:
    """The new model file: with a last layer, or a committee."""
    from alignn_ff.io import claimed
    from alignn_ff.loading import find_source, select_device
    from alignn_ff.train.uncertainty.joining import join_models, warn_of_other_zeros
    from alignn_ff.train.uncertainty.last_layer import add_to_model

    device, file = select_device(choice.device), find_source(model).file
    with claimed([output], overwrite=overwrite, source=file):
        if training is None:
            files = [file, *(find_source(name).file for name in others)]
            warn_of_other_zeros(files)
            join_models(files, output, held_out, device=device)
        else:
            add_to_model(file, training, held_out, device=device, output=output)


def _report(
    model: str | Path,
    records: "Sequence[Record]",
    data: Path,
    choice: ModelChoice,
    plots: Path | None,
    *,
    as_json: bool,
) -> None:
    from alignn_ff.potential import load_potential
    from alignn_ff.train.uncertainty.calibration import calibration
    from alignn_ff.train.uncertainty.measuring import measured_on

    potential = load_potential(model, **choice.execution())
    if potential.energy_std_by is None:
        raise ConfigError(
            f"{potential.name} tells no uncertainty: it is one model without a last layer's record. Give --training "
            "DATA -o FILE, which adds it, or train a committee (alignn-ff train --committee 4)"
        )
    found = measured_on(potential, records)
    if not found:
        raise ConfigError(f"{data} holds no energies, forces or stresses to compare with")
    figures = {name: calibration(measured) for name, measured in found.items()}
    if plots is not None:
        from alignn_ff.plots import calibration_figures, save_figure

        for name, figure in calibration_figures(found).items():
            save_figure(figure, plots / f"uncertainty_{name.replace(' ', '_')}.png")
    if as_json:
        content = {"model": potential.name, **source_json(potential.source), "data": str(data)}
        content |= {"energy_std_by": potential.energy_std_by}
        typer.echo(json.dumps({**content, "calibration": {n: c.to_json() for n, c in figures.items()}}, indent=2))
        return
    _print(potential.name, data, figures, {name: each.unit for name, each in found.items()})
    if "last_layer forces" in found:
        results.print("forces and stress are given that of the last layer where it is asked for (--uncertainty forces)")
    results.print(f"energies are given the deviation of: {potential.energy_std_by.replace('_', ' ')}")


def _print(model: str, data: Path, figures: "Mapping[str, Calibration]", units: Mapping[str, str]) -> None:
    from alignn_ff.cli.summaries.summary import summary_table

    header = ("deviation", "n", "RMSE", "std", "unit", "factor", "rank", "68 %", "95 %")  # 80 columns
    rows = [
        (
            name.replace("_", " "),
            f"{each.n}",
            f"{each.rmse:.3g}",
            f"{each.rms_deviation:.3g}",
            units[name],
            f"{each.factor:.3g}",
            f"{each.correlation:.2f}",
            f"{each.within_68:.0%}",
            f"{each.within_95:.0%}",
        )
        for name, each in figures.items()
    ]
    results.print(f"{model} on {data.name}", markup=False, soft_wrap=True)
    results.print(summary_table(rows, header=header))
