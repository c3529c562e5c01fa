"""``alignn-ff eval``: errors of a model on labelled data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.model_choice import OF_CALCULATORS, ModelChoice, chosen_model, source_json
from alignn_ff.cli.options import DATA_KEYS, DATA_READING, USUAL, JsonOption
from alignn_ff.cli.parsing import check_data, data_names
from alignn_ff.cli.schema import options_of
from alignn_ff.train.config.data import DataFields


@options_of(ModelChoice, "model_options", panel="Model", leave_out=("model", *OF_CALCULATORS))
@options_of(DataFields, "keys", panel="Labels", names=DATA_KEYS, defaults=USUAL, only=tuple(DATA_KEYS))
@options_of(DataFields, "reading", panel="Data", names=DATA_READING, only=tuple(DATA_READING))
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name, model file or folder; auto suits the data.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Extended XYZ file, ASE database, id_prop.json, or a folder with id_prop.json or id_prop.csv.",
        ),
    ],
    as_json: JsonOption = False,
    plots: Annotated[Path | None, typer.Option("--plots", file_okay=False, help="Folder for parity plots.")] = None,
    *,
    keys: Mapping[str, str],
    reading: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Compare a model of any kind with labels, in total and per config_type."""
    check_data(data)
    from alignn_ff.loading import find_source
    from alignn_ff.train import DataKeys, evaluate_file, read_records, records_for, summarise
    from alignn_ff.train.energy_zero import energy_zero

    choice = ModelChoice.model_validate(model_options)
    if model == "auto":
        structures = [record.atoms for record in read_records(data, DataKeys(**data_names({**keys, **reading})))]
        model = chosen_model(model, [number for one in structures for number in one.numbers], structures)
    source = find_source(model)
    records = records_for(model, data, data_names({**keys, **reading}))
    comparisons = evaluate_file(model, records, **choice.execution())
    metrics, zero = summarise(comparisons), energy_zero(records, comparisons)
    if plots is not None:
        from alignn_ff.plots import parity_figures, save_figure

        for name, figure in parity_figures({data.stem: comparisons}).items():
            save_figure(figure, plots / f"parity_{name}.png")
    if as_json:
        content = {"model": model, **source_json(source), "data": str(data), "metrics": metrics}
        content |= {} if zero is None else {"energy_zero": zero._asdict()}
        typer.echo(json.dumps(content, indent=2))
    else:
        from alignn_ff.cli.summaries.summary import print_origin
        from alignn_ff.cli.summaries.tables import error_table

        results.print(error_table(f"{model} on {data.name}", metrics))
        if zero is not None:
            results.print(zero.sentence, markup=False, soft_wrap=True)
        print_origin(*source)
