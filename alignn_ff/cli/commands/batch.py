"""``alignn-ff batch``: one task on many structures, resumable, in shards; its state, and one file from its shards."""

import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from alignn_ff.cli.commands import property as property_command
from alignn_ff.cli.commands import relax as relax_command
from alignn_ff.cli.console import StatusLines, errors, results, shows_bars, stoppable
from alignn_ff.cli.model_choice import ModelChoice, PreciseModelChoice, chosen_model
from alignn_ff.cli.options import MODEL_NAMES, JsonOption, OverwriteOption
from alignn_ff.cli.schema import options_of
from alignn_ff.errors import ConfigError
from alignn_ff.properties.table import PROPERTIES

if TYPE_CHECKING:
    from alignn_ff.batch.folder.status import BatchStatus
    from alignn_ff.batch.run import Batch, Notify
    from alignn_ff.batch.run import Progress as Run

ARRAYS: Final = ("SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX")
"""Variables in which a queue gives the number of a job in its array."""

INCOMPLETE: Final = 3
"""Exit code of a run in which structures failed or did not converge; all of them are in its files."""

SINGLE: Final = ("energy", "md")
"""Tasks whose model is in float32 by default, as those of the same commands for one structure."""
ON_DEVICE: Final = ("relax", "md")
"""Tasks that move many structures on the device of the network."""

SHOWN_SHARDS: Final = 8

TIMES: Final = (("hours", 3600.0), ("minutes", 60.0), ("s", 1.0))
"""Units of a time, and their lengths in seconds."""

BATCH_NAMES: Final = {"timeout_minutes": ("--timeout",)}

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", file_okay=False, help="Folder of a batch.", show_default=False)
]


class BatchGroup(TyperGroup):
    """A group with a command per task, beside its own."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of the help."""
        from alignn_ff.batch.tasks import all_tasks

        return [*all_tasks(), *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command."""
        from alignn_ff.batch.tasks import all_tasks

        return _task_command(cmd_name) if cmd_name in all_tasks() else super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=BatchGroup,
    help="One task on many structures: resumable, in shards.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("status")
def status(folder: Folder, as_json: JsonOption = False) -> None:
    """How far a batch is, with the failures by reason; runs may be writing it."""
    from alignn_ff.batch import status_of

    found = status_of(folder)
    if as_json:
        results.print(json.dumps(found.to_json()), markup=False, soft_wrap=True)
        return
    for line in status_lines(found):
        results.print(line, markup=False, soft_wrap=True)


def status_lines(found: "BatchStatus") -> list[str]:
    """Lines of at most 80 columns."""
    rows = [("not converged", found.states["not converged"]), ("failed", found.states["failed"])]
    rows += [(f"  {reason}", number) for reason, number in found.reasons.most_common()]
    rows += [("open", found.n_open)]
    lines = [f"{found.states['done']:,} of {found.n_structures:,} done"]
    lines += [f"{name:24} {number:>12,}" for name, number in rows if number]
    if found.open_shards:
        lines.append(f"open shards: {_numbers(found.open_shards)}")
    n_ended = found.n_structures - found.n_open
    if n_ended:
        per_structure = found.seconds / n_ended
        lines.append(f"{_time(found.seconds)} of computing, {per_structure:.3g} s per structure")
    return lines


def _time(seconds: float) -> str:
    """A time in the unit in which it is not below one."""
    unit, length = next(((unit, length) for unit, length in TIMES if seconds >= length), TIMES[-1])
    return f"{seconds / length:.3g} {unit}"


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN_SHARDS]))
    return shown + (f", … ({len(numbers)} in all)" if len(numbers) > SHOWN_SHARDS else "")


@app.command("merge")
def merge(
    folder: Folder,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Structures: .db or .extxyz; a table: .csv.", show_default=False)
    ],
    table: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Also a table with all inputs.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Write also if structures have not ended.")] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """One file from the shards of a batch, in the order of the input."""
    from alignn_ff.batch import merge_batch

    targets = [file] if table is None else [file, table]
    n_open = merge_batch(folder, targets, partial=partial, overwrite=overwrite)
    missing = f"; {n_open} structures have not ended" if n_open else ""
    results.print(f"wrote {', '.join(map(str, targets))}{missing}", markup=False, soft_wrap=True)


def _task_command(name: str) -> Any:
    from alignn_ff.batch.tasks import all_tasks

    one = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    function = command_of(name)
    one.command(
        name,
        short_help=all_tasks()[name].help,
        cls=relax_command.COMMAND_CLASS if name == "relax" else None,
        help=function.__doc__,
    )(function)
    return get_command(one)


def command_of(name: str) -> Callable[..., None]:
    """The command of a task."""
    from alignn_ff.batch.config import BatchConfig
    from alignn_ff.batch.tasks import all_tasks

    def command(**values: Any) -> None:
        _command(name, **values)

    row = all_tasks()[name]
    command.__doc__ = f"{row.help} The same line again resumes; the exit code is 3 if structures failed."
    command.__signature__ = inspect.signature(_command).replace(  # type: ignore[attr-defined]
        parameters=[p for p in inspect.signature(_command).parameters.values() if p.name != "name"]
    )
    with_how = options_of(BatchConfig, "how", panel="Batch", names=BATCH_NAMES)
    resident = () if name in ON_DEVICE else ("resident",)
    with_model = options_of(_model_choice(name), "model_options", panel="Model", names=MODEL_NAMES, leave_out=resident)
    left_out = ("name", "stages", "guards") if name == "md" else ()
    with_task = options_of(row.config(), "settings", panel="Task", names=_names(name), leave_out=left_out)
    return with_how(with_model(with_task(command)))


def _names(task: str) -> Mapping[str, tuple[str, ...]]:
    """Options of a task that are not named after their fields, as in its command for one structure."""
    if task in PROPERTIES:
        return {**property_command.NAMES, **PROPERTIES[task].option_names}
    return {"relax": relax_command.NAMES, "md": {"formats": ("--format",)}}.get(task, {})


def _model_choice(task: str) -> type[ModelChoice]:
    return ModelChoice if task in SINGLE else PreciseModelChoice


def _command(
    name: str,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT…",
            help="Files with one or many structures (.cif, POSCAR, .extxyz, ASE .db, jarvis .json, …), folders, "
            "patterns in quotes.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", file_okay=False, help="Folder of the batch.")
    ],
    shard: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Compute this shard only, from 0; in an array of SLURM or PBS it follows from the number of the job.",
            rich_help_panel="Batch",
        ),
    ] = None,
    id_key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Entry of each structure that is its id; place: its file and place. Without it: id, jid, material_id "
            "or identifier, else the place.",
            rich_help_panel="Batch",
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option(help="Compute those that failed again.", rich_help_panel="Batch"),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(help="Only print evaluations, memory and hours, from a few structures.", rich_help_panel="Batch"),
    ] = False,
    *,
    how: Mapping[str, Any],
    settings: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    from alignn_ff.batch import run_batch

    batch = _batch(name, inputs, output, id_key, how, settings, model_options)
    if dry_run:
        _print_plan(batch)
        return
    with stoppable("the same line again resumes; all structures that ended are kept"), _showing(name) as notify:
        found = run_batch(batch, shard=_shard(batch, shard), retry_failed=retry_failed, notify=notify)
    results.print(str(found), markup=False, soft_wrap=True)
    partial_word = " --partial" if found.n_open else ""
    as_table = f"alignn-ff batch merge {output} {output}.csv{partial_word}"
    errors.print(f"results are in {output}; as a table: {as_table}", markup=False, soft_wrap=True)
    if found.states["failed"] or found.states["not converged"]:
        raise typer.Exit(INCOMPLETE)


def _batch(
    name: str,
    inputs: list[str],
    output: Path,
    id_key: str | None,
    how: Mapping[str, Any],
    settings: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> "Batch":
    from alignn_ff.batch import Batch, BatchConfig, all_tasks, inputs_of

    row = all_tasks()[name]
    config, chosen = row.config().model_validate(settings), BatchConfig.model_validate(how)
    choice = _model_choice(name).model_validate(model_options)
    structures = inputs_of(inputs, id_key=id_key)
    if choice.model == "auto":
        from alignn_ff.batch.inputs import elements_of

        choice = choice.model_copy(update={"model": chosen_model(choice.model, elements_of(structures))})
    word = row.calculator_word(config.outside)  # type: ignore[attr-defined]
    from ase import Atoms

    return Batch(name, structures, config, partial(choice.calculator, Atoms(), outside=word), output, chosen)


def _shard(batch: "Batch", given: int | None) -> int | None:
    """The shard to compute: that of the user, or of the queue.

    The number of a job modulo the number of shards: arrays from 0 and from 1 cover all shards, and a job that is
    submitted again has the same shard.

    Raises:
        ConfigError: the variable of the queue is not a number.
    """
    found = next((name for name in ARRAYS if os.environ.get(name)), None)
    if given is not None or found is None:
        return given
    from alignn_ff.batch.folder.manifest import Manifest, manifest_file

    try:
        number = int(os.environ[found])
    except ValueError:
        raise ConfigError(f"{found} is {os.environ[found]!r}, not a number; give --shard") from None
    shards = batch.how.shards
    if shards is None:
        shards = Manifest.read(batch.folder).shards if manifest_file(batch.folder).exists() else 1
    return number % shards


@contextmanager
def _showing(name: str) -> "Iterator[Notify]":
    """A bar on stderr, or a line per minute where it is not a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=errors, transient=True, disable=not shows_bars()) as bar:
        task = bar.add_task(name, total=None)
        lines = StatusLines(f"batch {name}")

        def notify(progress: "Run") -> None:
            text = _in_words(name, progress)
            bar.update(task, total=progress.n_total, completed=progress.n_before + progress.n_ended, description=text)
            lines.show(text)

        yield notify


def _in_words(name: str, progress: "Run") -> str:
    done = progress.n_before + progress.n_ended
    text = f"{name}: {done:,} of {progress.n_total:,}, {progress.per_second:.3g} per second"
    if progress.seconds_left is not None:
        text += f", {progress.seconds_left / 60:.1f} minutes left"
    if progress.reasons:
        text += ", failed: " + ", ".join(f"{number} {reason}" for reason, number in progress.reasons.most_common(3))
    return text


def _print_plan(batch: "Batch") -> None:
    from alignn_ff.batch.plan import plan
    from alignn_ff.cli.summaries.summary import summary_table

    found = plan(batch)
    unknown = "not known" if found.sampled else "not known: no sample succeeded"
    rows = [
        ("structures", f"{found.n_structures:,}, of at most {found.largest:,} atoms, {found.n_atoms:,} in all"),
        ("shards", str(found.shards)),
        ("evaluations", unknown if found.evaluations is None else f"about {found.evaluations:,}"),
        ("processes", f"{found.processes or 'this one'}, with {found.together} structure(s) in flight"),
        ("hours one by one", unknown if found.hours is None else f"about {found.hours:.3g}"),
        ("memory", "not known" if found.memory_bytes is None else f"{found.memory_bytes / 2**30:.2g} GiB per process"),
        ("computed for this", ", ".join(found.sampled) or "none"),
    ]
    results.print(summary_table(rows))
