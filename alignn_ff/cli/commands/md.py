"""``alignn-ff md``: run and resume molecular dynamics."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from alignn_ff.cli.console import StatusLines, errors, results, shows_bars, stoppable
from alignn_ff.cli.model_choice import ModelChoice
from alignn_ff.cli.options import MODEL_NAMES, OverwriteOption, output_option
from alignn_ff.cli.parsing import guard_fields
from alignn_ff.cli.schema import options_of, refuse_given
from alignn_ff.cli.structure_choice import STRUCTURE_NAMES_BESIDE_FORMAT, StructureChoice
from alignn_ff.errors import ConfigError
from alignn_ff.md.config import MDConfig
from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.runs.domain import OutsideChoice, calculator_word

if TYPE_CHECKING:
    from alignn_ff.io import Chosen
    from alignn_ff.trajectory import Snapshot

WITH_RESTART: Final = ("--steps", "--guard", "--no-guards", "--outside", "--model")
"""Options that can be given together with --restart."""

PANELS: Final = {
    "Ensemble": (
        "ensemble",
        "temperature_K",
        "pressure_GPa",
        "thermostat_time_fs",
        "barostat_time_fs",
        "cell_motion",
        "cell_axes",
        "compressibility_per_GPa",
    ),
    "Guards": ("outside", "allow_unseen_pairs"),
    "Uncertainty": ("uncertain_above", "harvest", "harvest_gap_fs"),
    "Output": ("write_every", "log_every", "formats", "quantities", "checkpoint_every", "checkpoint_minutes"),
}


def _guard_help() -> str:
    limits = ", ".join(
        f"{name} ({'off' if (default := field.get_default()) is None else f'{default:g}'})"
        for name, field in guard_fields().items()
    )
    return f"Limit of a guard, or off: {limits}. Repeat the option for several limits."


@options_of(ModelChoice, "model_options", panel="Model", names=MODEL_NAMES)
@options_of(
    MDConfig,
    "settings",
    panel="Run",
    panels=PANELS,
    names={"formats": ("--format",)},
    leave_out=("name", "stages", "guards"),
)
@options_of(StructureChoice, "reading", panel="Structure", names=STRUCTURE_NAMES_BESIDE_FORMAT)
def md(
    ctx: typer.Context,
    structure: Annotated[
        Path | None,
        typer.Argument(
            metavar="STRUCTURE",
            help="Structure file in any format that ASE reads; if it has several structures, the last is used. "
            "Not with --restart.",
            show_default=False,
        ),
    ] = None,
    restart: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Resume a run from its restart file; --steps is then the length of the whole run.",
            show_default=False,
            rich_help_panel="Run",
        ),
    ] = None,
    stages: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON list of stages, each with steps, ensemble, temperature_K, pressure_GPa, …; the options are the "
            "defaults of every stage.",
            show_default=False,
            rich_help_panel="Run",
        ),
    ] = None,
    output: Annotated[
        str | None,
        output_option("Writes PREFIX.extxyz (frames), .csv (log), -final.extxyz, .json, .restart.", "<stem>-md"),
    ] = None,
    overwrite: OverwriteOption = False,
    guard: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT=VALUE", help=_guard_help(), show_default=False, rich_help_panel="Guards"),
    ] = None,
    no_guards: Annotated[
        bool,
        typer.Option("--no-guards", help="Switch off all guards except the one against NaN.", rich_help_panel="Guards"),
    ] = False,
    *,
    reading: Mapping[str, Any],
    settings: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Molecular dynamics: frames, a log of energies, the last structure, and a summary with the energy drift.

    The exit code is 4 if a guard stops the run, 5 if the disk is full, and 128 + its number for a signal. The restart
    file is kept, and --restart resumes from it bit for bit (same machine, threads and backend).
    """
    from alignn_ff.cli.parsing import parse_guards, read_stages

    limits = parse_guards(guard or (), off=no_guards)
    if restart is not None:
        refuse_given(ctx, allowed=WITH_RESTART, reason="--restart")
        _resume(restart, settings, limits=limits, model=model_options.get("model"))
        return
    if structure is None:
        raise ConfigError("give the STRUCTURE to start from, or --restart FILE to resume a run")
    if ("steps" in settings) == (stages is not None):
        raise ConfigError("give either the number of time steps with --steps, or a file of stages with --stages")
    chosen = {**settings, "guards": GuardLimits.model_validate(limits)}
    if stages is not None:
        chosen["stages"] = read_stages(stages)
    config, choice = MDConfig.model_validate(chosen), ModelChoice.model_validate(model_options)
    _run(StructureChoice.model_validate(reading).one(structure), config, choice, output, overwrite)


def _run(chosen: "Chosen", config: MDConfig, choice: ModelChoice, output: str | None, overwrite: bool) -> None:
    from alignn_ff.cli.summaries.md import print_md
    from alignn_ff.io import EarlierRun, claimed
    from alignn_ff.md.files import md_files

    atoms, structure = chosen.atoms, chosen.path
    files = md_files(structure, prefix=output, formats=config.formats, harvest=config.harvest)
    command = shlex.join(["alignn-ff", *sys.argv[1:]])
    earlier = EarlierRun("md", files.restart, files.report)
    with (
        claimed(files.all, source=structure, overwrite=overwrite, earlier=earlier),
        stoppable(f"{files.trajectory} and {files.log} contain the steps so far"),
    ):
        from alignn_ff.md import run_md

        calculator = choice.calculator(atoms, outside=calculator_word(config.outside))
        with _progress(config.steps, files.trajectory) as show:
            result = run_md(atoms, calculator, config=config, files=files, on_step=show, command=command)
    print_md(result, files)


def _resume(restart: Path, settings: Mapping[str, Any], *, limits: dict[str, object], model: str | None) -> None:
    from alignn_ff.cli.summaries.md import print_md
    from alignn_ff.io import sole_writer
    from alignn_ff.md.files import MDFiles
    from alignn_ff.md.run.restart import read_restart

    content = read_restart(restart)
    config, done = content.head.config, content.head.progress.step
    steps, outside = settings.get("steps"), settings.get("outside")
    if outside is not None:
        OutsideChoice(outside=outside)  # refuses other words
    guards = GuardLimits.model_validate({**config.guards.model_dump(), **limits}) if limits else None
    files = MDFiles(restart.parent / content.head.prefix, config.formats, config.harvest)
    if done == (steps or config.steps) and files.summary.exists():
        results.print(
            f"the run is complete: {done} steps, summary in {files.summary}. To prolong it: alignn-ff md --restart "
            f"{restart} --steps {2 * max(done, 1)}",
            markup=False,
            soft_wrap=True,
        )
        return
    with (
        sole_writer(files.all),
        stoppable(f"{files.trajectory} and {files.log} contain the steps so far"),
        _progress(steps or config.steps, files.trajectory) as show,
    ):
        from alignn_ff.md import resume_md

        result = resume_md(
            restart, content=content, model=model, steps=steps, guards=guards, outside=outside, on_step=show
        )
    print_md(result, files)


@contextmanager
def _progress(total_steps: int, trajectory: Path) -> Iterator[Callable[["Snapshot"], None]]:
    """A progress bar on stderr with steps, temperature, speed and remaining time."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from alignn_ff.md import nanoseconds_per_day

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not shows_bars()) as progress:
        task = progress.add_task("starting", total=total_steps)
        lines = StatusLines(f"dynamics of {total_steps} steps, to {trajectory}")
        first_fs: list[float] = []

        def show(snapshot: "Snapshot") -> None:
            first_fs[:] = first_fs or [snapshot.time_fs]
            elapsed = progress.tasks[0].elapsed or 0.0
            speed = nanoseconds_per_day(snapshot.time_fs - first_fs[0], elapsed) if elapsed > 0 else 0.0
            description = f"{snapshot.temperature_K:.0f} K  {speed:.3g} ns/day"
            progress.update(task, completed=snapshot.step, description=description)
            lines.show(f"step {snapshot.step}/{total_steps}  {description}")

        yield show
