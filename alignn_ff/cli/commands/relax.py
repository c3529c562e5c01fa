"""``alignn-ff relax``: relax atoms, and optionally the cell."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from alignn_ff.cli.console import StatusLines, errors, results, shows_bars, stoppable
from alignn_ff.cli.model_choice import PreciseModelChoice
from alignn_ff.cli.options import MODEL_NAMES, OverwriteOption, output_option
from alignn_ff.cli.schema import options_of, refuse_given
from alignn_ff.cli.structure_choice import STRUCTURE_NAMES, StructureChoice
from alignn_ff.errors import ConfigError, SimulationError
from alignn_ff.interrupt import StopRequest, stop_on_signals
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.strain import CELL_MODES
from alignn_ff.runs.domain import calculator_word

if TYPE_CHECKING:
    from alignn_ff.io import Chosen
    from alignn_ff.potential import Potential
    from alignn_ff.relax import RelaxFiles, RelaxRecords, RelaxResult, RelaxStep

NOT_CONVERGED: Final = 3
"""Exit code of a relaxation that did not converge; its files are written."""

NAMES: Final = {
    "max_steps": ("--steps",),
    "relax_cell": ("--cell",),
    "keep_symmetry": ("--symmetry",),
    "symmetry_tolerance_A": ("--symprec",),
}
"""Options that are not named after their fields."""


class RelaxCommand(TyperCommand):
    """The command, with a ``--cell`` that needs no value: click would use the next word as its value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Replace ``--cell`` and ``--no-cell`` by their full forms; called by click."""
        written: list[str] = []
        for word, following in zip(args, [*args[1:], ""][: len(args)], strict=True):
            other = following.startswith("-") or not following or Path(following).exists()
            bare = word == "--cell" and other and following not in CELL_MODES
            written.append({"--no-cell": "--cell=none"}.get(word, "--cell=free" if bare else word))
        return super().parse_args(ctx, written)


COMMAND_CLASS: Final = RelaxCommand


@options_of(PreciseModelChoice, "model_options", panel="Model", names=MODEL_NAMES)
@options_of(RelaxConfig, "settings", panel="Relaxation", names=NAMES)
@options_of(StructureChoice, "reading", panel="Structure", names=STRUCTURE_NAMES)
def relax(
    ctx: typer.Context,
    structure: Annotated[
        Path | None,
        typer.Argument(
            metavar="STRUCTURE",
            help="Structure file in any format that ASE reads: POSCAR, .vasp, .cif, .xyz, .extxyz, …; if it "
            "has several structures, the last is used. Its constraints (selective dynamics) are kept. Not with "
            "--restart.",
            show_default=False,
        ),
    ] = None,
    restart: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Resume a relaxation that was stopped or ran out of steps from its restart file, as if it had not "
            "stopped; --steps is then the length of the whole relaxation.",
            show_default=False,
            rich_help_panel="Relaxation",
        ),
    ] = None,
    output: Annotated[
        str | None,
        output_option("Relaxed structure; its JSON result is beside it.", "<stem>-relaxed.*", metavar="FILE"),
    ] = None,
    trajectory: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every step to this extended XYZ file.", rich_help_panel="Output"),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw energy and forces over the steps (.png, .pdf, .svg).", rich_help_panel="Output"
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    *,
    reading: Mapping[str, Any],
    settings: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Relax a structure; the exit code is 3 if it did not converge, and the files are written in any case.

    The exit code is 4 if the structure left the training data of the model (--outside); the last one before is written.

    Ctrl-C or SIGTERM stops it after the current step; the files are written and marked as not converged.

    --cell without a word is --cell free, and --no-cell is --cell none.
    """
    if restart is not None:
        refuse_given(ctx, allowed=("--steps", "--model"), reason="--restart")
        _resume(restart, settings, model_options)
        return
    if structure is None:
        raise ConfigError("give the STRUCTURE: `alignn-ff relax STRUCTURE`, or --restart FILE to resume a relaxation")
    config, choice = RelaxConfig.model_validate(settings), PreciseModelChoice.model_validate(model_options)
    chosen = StructureChoice.model_validate(reading).one(structure)
    _run(chosen, config, choice, (output, trajectory, plot), overwrite=overwrite)


def _run(
    chosen: "Chosen",
    config: RelaxConfig,
    choice: PreciseModelChoice,
    places: tuple[str | None, Path | None, Path | None],
    *,
    overwrite: bool,
) -> None:
    from alignn_ff.io import EarlierRun, check_format, claimed
    from alignn_ff.relax.files import relax_files

    output, trajectory, plot = places
    atoms, structure = chosen.atoms, chosen.path
    files = relax_files(structure, atoms, output=output, trajectory=trajectory, plot=plot)
    check_format(files.structure, atoms)
    if plot is not None:
        from alignn_ff.plots import check_figure

        check_figure(plot)
    earlier = EarlierRun("relax", files.restart)
    with claimed(files.all, source=structure, overwrite=overwrite, earlier=earlier):
        from alignn_ff.relax import relax as run

        calculator = choice.calculator(atoms, outside=calculator_word(config.outside))
        records = _records(files, _kept(choice, calculator.potential))
        with _running(files, config.max_steps) as (show, stop):
            result = run(atoms, calculator, config=config, records=records, on_step=show, stop=lambda: stop.name)
        _finish(result, files, stop)


def _kept(choice: PreciseModelChoice, potential: "Potential") -> dict[str, Any]:
    """The choice of the model for the restart file: the name of a model of the zoo, the absolute path of another."""
    source = potential.source
    place = potential.name if source is None or source.origin != "file" else str(source.file)
    return {**choice.model_dump(), "model": place, "backend": potential.backend}


def _resume(state_file: Path, settings: Mapping[str, Any], model_options: Mapping[str, Any]) -> None:
    from alignn_ff.io import sole_writer
    from alignn_ff.relax.files import RelaxFiles
    from alignn_ff.relax.state import read_state

    if not state_file.is_file() and _print_converged(state_file):
        return
    state = read_state(state_file)
    run: dict[str, Any] = dict(state.run)
    names = {name: None if path is None else Path(path) for name, path in run.pop("files").items()}
    files = RelaxFiles(**names)  # type: ignore[arg-type]
    most = settings.get("max_steps", state.config.max_steps)
    with sole_writer(files.all):
        from alignn_ff.relax import resume

        calculator = PreciseModelChoice.model_validate({**run, **model_options}).calculator(
            state.start, outside=calculator_word(state.config.outside)
        )
        with _running(files, most) as (show, stop):
            records = _records(files, run)
            result = resume(state, calculator, records=records, on_step=show, stop=lambda: stop.name, max_steps=most)
        _finish(result, files, stop)


def _print_converged(state_file: Path) -> bool:
    """Print that a relaxation is complete, if that is why it has no restart file, and how to go further."""
    from alignn_ff.relax.files import result_of

    result = result_of(state_file)
    if result is None or not result.get("converged"):
        return False
    results.print(
        f"the relaxation is complete: it converged after {result['n_steps']} steps (limit "
        f"{result['config']['fmax_eV_per_A']:g} eV/Å), so there is no {state_file}. For smaller forces, relax the "
        "structure that it has written, with a smaller --fmax",
        markup=False,
        soft_wrap=True,
    )
    return True


def _records(files: "RelaxFiles", run: dict[str, Any]) -> "RelaxRecords":
    """The files written during the run; the restart file contains all that is needed to resume."""
    from dataclasses import asdict

    from alignn_ff.relax import RelaxRecords

    places = {name: None if path is None else str(path.absolute()) for name, path in asdict(files).items()}
    return RelaxRecords(trajectory=files.trajectory, state=files.restart, run={**run, "files": places})


@contextmanager
def _running(files: "RelaxFiles", max_steps: int) -> Iterator[tuple[Callable[["RelaxStep"], None], StopRequest]]:
    """A line on stderr that shows the latest step, and the request to stop."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    kept = "" if files.trajectory is None else f" except {files.trajectory}"
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        stoppable(f"nothing was written{kept}"),
        stop_on_signals() as stop,
        Progress(*columns, console=errors, transient=True, disable=not shows_bars()) as progress,
    ):
        task = progress.add_task("relaxing", total=None)
        lines = StatusLines(f"relaxing, at most {max_steps} steps, to {files.structure}")

        def show(step: "RelaxStep") -> None:
            description = (
                f"step {step.step}/{max_steps}  energy {step.energy_eV:.5f} eV  "
                f"largest force {step.max_force_eV_per_A:.5f} eV/Å"
            )
            progress.update(task, description=description)
            lines.show(description)

        yield show, stop


def _finish(result: "RelaxResult", files: "RelaxFiles", stop: StopRequest) -> None:
    """Write the files, print the summary, and exit with the code of the result."""
    from alignn_ff.cli.summaries.relax import print_relaxation
    from alignn_ff.relax import write_relaxation

    write_relaxation(files, result)
    if files.plot is not None:
        from alignn_ff.plots import convergence, save_figure

        save_figure(convergence(result.steps, fmax_eV_per_A=result.config.fmax_eV_per_A), files.plot)
    print_relaxation(result, files)
    if result.stopped:
        raise typer.Exit(SimulationError.exit_code)
    if not result.after.converged:
        raise typer.Exit(NOT_CONVERGED if stop.signal is None else stop.exit_code)
