"""``alignn-ff relax``: move atoms, and the cell if asked, until the forces vanish."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from alignn_ff.cli.console import errors, stoppable
from alignn_ff.cli.options import (
    Backend,
    BackendOption,
    DeviceOption,
    Dtype,
    MemoryLimitOption,
    ModelOption,
    OverwriteOption,
)
from alignn_ff.errors import ConfigError
from alignn_ff.interrupt import StopRequest, stop_on_signals

if TYPE_CHECKING:
    from alignn_ff.relax import RelaxFiles, RelaxRecords, RelaxResult, RelaxStep

NOT_CONVERGED: Final = 3
"""Exit code of a relaxation that ran out of steps; its files are written all the same."""


class RelaxCommand(TyperCommand):
    """The command, with a ``--cell`` that may stand alone: click would take the word after it for its value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Write out what ``--cell`` and ``--no-cell`` are short for; called by click."""
        if "--cell" in args:
            from alignn_ff.relax.strain import CELL_MODES  # heavy

            modes = set(CELL_MODES)
        written: list[str] = []
        for word, following in zip(args, [*args[1:], ""], strict=True):
            other = following.startswith("-") or not following or Path(following).exists()
            bare = word == "--cell" and other and following not in modes
            written.append({"--no-cell": "--cell=none"}.get(word, "--cell=free" if bare else word))
        return super().parse_args(ctx, written)


def relax(
    structure: Annotated[
        Path | None,
        typer.Argument(
            metavar="STRUCTURE",
            help="Structure file in any format that ASE reads: POSCAR, .vasp, .cif, .xyz, .extxyz, …; of several "
            "structures the last. Its constraints (selective dynamics) are obeyed.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = "auto",
    device: DeviceOption = "auto",
    dtype: Annotated[
        Dtype,
        typer.Option(help="Precision of the network. float64: so that tight --fmax are reached; float32 is faster."),
    ] = Dtype.float64,
    backend: BackendOption = Backend.auto,
    memory_limit: MemoryLimitOption = None,
    fmax: Annotated[
        float, typer.Option(help="Converged when no force, nor volume × stress / atoms, exceeds this, eV/Å.")
    ] = 0.01,
    steps: Annotated[int, typer.Option(help="Most steps of the optimiser.")] = 500,
    optimizer: Annotated[
        str,
        typer.Option(
            help="lbfgs; fire (robust); bfgs_linesearch (small structures); precon_lbfgs (preconditioned, for "
            "hundreds of atoms and more)."
        ),
    ] = "lbfgs",
    cell: Annotated[
        str,
        typer.Option(
            "--cell",
            metavar="[MODE]",
            help="Relax the cell too. Alone, or free: size and shape along periodic axes. hydrostatic: size alone. "
            "fixed-volume: shape alone. slab: within the plane of a slab, vacuum held. --no-cell, or none: not.",
        ),
    ] = "none",
    pressure: Annotated[float, typer.Option(help="Pressure that the cell relaxes against, GPa.")] = 0.0,
    symmetry: Annotated[bool, typer.Option("--symmetry", help="Keep the space group of the start.")] = False,
    symprec: Annotated[float, typer.Option(help="Distance below which positions count as symmetric, Å.")] = 0.01,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Relaxed structure; the JSON result goes beside it (default <stem>-relaxed.*)."
        ),
    ] = None,
    trajectory: Annotated[Path | None, typer.Option(help="Write every step to this extended XYZ file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw energy and forces over the steps (.png, .pdf, .svg).")] = None,
    restart: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on from the restart file of a relaxation that was stopped or ran out of steps, exactly as if it "
            "had not, for --steps more; takes no STRUCTURE and no other option.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Relax a structure; exits with 3 if it did not converge, the files written all the same.

    Ctrl-C or SIGTERM ends it after the step it is in, with everything written and marked.
    """
    from alignn_ff.cli.inputs import load_calculator
    from alignn_ff.io import check_format, claim, read_structure
    from alignn_ff.relax import RelaxConfig, relax_files
    from alignn_ff.relax import relax as run

    if restart is not None:
        _go_on(restart, structure, steps)
        return
    if structure is None:
        raise ConfigError("which structure? `alignn-ff relax STRUCTURE`, or --restart FILE to go on with one")
    config = RelaxConfig.model_validate(
        {
            "fmax_eV_per_A": fmax,
            "max_steps": steps,
            "optimizer": optimizer,
            "relax_cell": cell,
            "pressure_GPa": pressure,
            "keep_symmetry": symmetry,
            "symmetry_tolerance_A": symprec,
        }
    )
    atoms = read_structure(structure)
    files = relax_files(structure, atoms, output=output, trajectory=trajectory, plot=plot)
    check_format(files.structure, atoms)
    if plot is not None:
        from alignn_ff.plots import check_figure

        check_figure(plot)
    claim(files.all, source=structure, overwrite=overwrite)
    calculator = load_calculator(
        atoms, model=model, device=device, dtype=dtype.value, backend=backend.value, memory_limit=memory_limit
    )
    place = str(Path(model).absolute()) if Path(model).exists() else model
    records = _records(
        files, {"model": place, "device": device, "dtype": dtype.value, "backend": calculator.potential.backend}
    )
    with _running(files, config.max_steps) as (show, stop):
        result = run(atoms, calculator, config=config, records=records, on_step=show, stop=lambda: stop.name)
    _finish(result, files, stop)


def _go_on(state_file: Path, structure: Path | None, steps: int) -> None:
    from alignn_ff.cli.inputs import load_calculator
    from alignn_ff.relax import RelaxFiles, read_state, resume

    if structure is not None:
        raise ConfigError(f"--restart {state_file} knows its structure; leave out {structure}")
    if steps < 0:
        raise ConfigError(f"steps is {steps}; it takes 0 or more")
    state = read_state(state_file)
    run: dict[str, Any] = dict(state.run)
    names = {name: None if path is None else Path(path) for name, path in run.pop("files").items()}
    files = RelaxFiles(**names)  # type: ignore[arg-type]
    calculator = load_calculator(state.start, **run)
    with _running(files, state.steps[-1].step + steps) as (show, stop):
        result = resume(
            state, calculator, records=_records(files, run), on_step=show, stop=lambda: stop.name, max_steps=steps
        )
    _finish(result, files, stop)


def _records(files: "RelaxFiles", run: dict[str, Any]) -> "RelaxRecords":
    """What is written on the way; all that a restart needs to know stands in its file."""
    from dataclasses import asdict

    from alignn_ff.relax import RelaxRecords

    places = {name: None if path is None else str(path.absolute()) for name, path in asdict(files).items()}
    return RelaxRecords(trajectory=files.trajectory, state=files.restart, run={**run, "files": places})


@contextmanager
def _running(files: "RelaxFiles", max_steps: int) -> Iterator[tuple[Callable[["RelaxStep"], None], StopRequest]]:
    """A line on stderr that shows the latest step, and a way to stop."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    kept = "" if files.trajectory is None else f" but {files.trajectory}"
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        stoppable(f"nothing was written{kept}"),
        stop_on_signals() as stop,
        Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress,
    ):
        task = progress.add_task("relaxing", total=None)

        def show(step: "RelaxStep") -> None:
            progress.update(
                task,
                description=f"step {step.step}/{max_steps}  energy {step.energy_eV:.5f} eV  "
                f"largest force {step.max_force_eV_per_A:.5f} eV/Å",
            )

        yield show, stop


def _finish(result: "RelaxResult", files: "RelaxFiles", stop: StopRequest) -> None:
    """Write, print, and exit as it ended."""
    from alignn_ff.cli.relax_summary import print_relaxation
    from alignn_ff.relax import write_relaxation

    write_relaxation(files, result)
    if files.plot is not None:
        from alignn_ff.plots import convergence, save_figure

        save_figure(convergence(result.steps, fmax_eV_per_A=result.config.fmax_eV_per_A), files.plot)
    print_relaxation(result, files)
    if not result.after.converged:
        raise typer.Exit(NOT_CONVERGED if stop.signal is None else stop.exit_code)
