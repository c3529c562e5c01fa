"""``alignn-ff train``: a JSON config and DFT data in, a model with metrics and plots out."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from alignn_ff.cli.checking import CheckOption, check_quickly
from alignn_ff.cli.console import results
from alignn_ff.cli.model_choice import ModelChoice
from alignn_ff.cli.options import DATA_KEYS, DATA_READING, SetOption
from alignn_ff.cli.parsing import check_data, parse_changes
from alignn_ff.cli.schema import options_of
from alignn_ff.errors import ConfigError
from alignn_ff.train.config.data import DataFields
from alignn_ff.train.config.finetuning import FineTuningFields
from alignn_ff.train.config.outputs import OutputFields
from alignn_ff.train.config.uncertainty import UncertaintyFields

if TYPE_CHECKING:
    from alignn_ff.train import TrainingResult


FROM_CONFIG: Final = dict.fromkeys(("output_dir", "id_tag", "target"), "as in the config")
"""Defaults shown in the help for fields that a config always contains."""


@options_of(ModelChoice, "model_options", panel="Run", only=("device",))
@options_of(DataFields, "keys", panel="Labels", names=DATA_KEYS, defaults=FROM_CONFIG, only=tuple(DATA_KEYS))
@options_of(DataFields, "reading", panel="Data", names=DATA_READING, only=tuple(DATA_READING))
@options_of(FineTuningFields, "start", panel="Run", names={"start_from": ("--from",)}, only=("start_from",))
@options_of(
    OutputFields,
    "place",
    panel="Run",
    names={"output_dir": ("--output", "-o")},
    defaults=FROM_CONFIG,
    only=("output_dir",),
)
@options_of(UncertaintyFields, "committee", panel="Run", names={"ensemble": ("--committee",)}, only=("ensemble",))
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.json", help="Training config.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Extended XYZ file, ASE database, id_prop.json, or a folder with id_prop.json or id_prop.csv; "
            "replaces dataset of the config.",
            rich_help_panel="Run",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume exactly where a stopped run ended.", rich_help_panel="Run")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in the output folder.", rich_help_panel="Run")
    ] = False,
    check: CheckOption = True,
    changes: SetOption = None,
    *,
    place: Mapping[str, str],
    committee: Mapping[str, Any],
    start: Mapping[str, str],
    keys: Mapping[str, str],
    reading: Mapping[str, Any],
    model_options: Mapping[str, str],
) -> None:
    """Train a model on DFT data."""
    if not config.is_file():
        raise ConfigError(f"no such config file: {config}")
    if data is not None:
        check_data(data)
    from alignn_ff.cli.training_progress import training_progress
    from alignn_ff.train import resolve_file, train_resolved

    device = ModelChoice.model_validate(model_options).device
    fields = {**parse_changes(changes or []), **place, **committee, **start, **keys, **reading}
    resolved = resolve_file(config, fields, data=data)
    settings = resolved.config
    with training_progress(settings) as display:
        result = train_resolved(resolved, observer=display, device=device, resume=resume, overwrite=overwrite)
    if result is None:  # only the first process of the run prints
        return
    if settings.write_predictions:
        _write_plots(result)
    _summarise(result)
    if check and _is_force_field(result):
        check_quickly(result.model_file, result.folder, device=device, console=results)


def _write_plots(result: "TrainingResult") -> None:
    from alignn_ff.plots import learning_curve, parity_figures, save_figure

    for each in result.members or (result,):
        save_figure(learning_curve(each.history), each.folder / "learning_curve.png")
    for name, figure in parity_figures(result.comparisons).items():
        save_figure(figure, result.folder / f"parity_{name}.png")


def _summarise(result: "TrainingResult") -> None:
    from alignn_ff.cli.summaries.tables import error_table

    best = f"mean of {len(result.members)} models" if result.members else f"best model, epoch {result.best_epoch}"
    for split, metrics in result.metrics.items():
        parts = enumerate(result.members, 1)
        members = {f"member {n}": part.metrics[split]["all"] for n, part in parts if split in part.metrics}
        results.print(error_table(f"{split} ({best})", {**metrics, **members}))
    results.print(f"model: {result.model_file}", soft_wrap=True)
    results.print(f"other files: {result.folder.resolve()}", soft_wrap=True)
    file = shlex.quote(str(result.model_file))
    use = f"relax STRUCTURE --model {file}" if _is_force_field(result) else f"predict {file} STRUCTURES"
    results.print(f"use it: alignn-ff {use}", soft_wrap=True)


def _is_force_field(result: "TrainingResult") -> bool:
    return any("energy_MAE_meV_per_atom" in metrics["all"] for metrics in result.metrics.values())
