"""``alignn-ff md``: molecular dynamics of a structure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignn_ff.cli.console import errors, results, stoppable
from alignn_ff.cli.options import (
    Backend,
    BackendOption,
    DeviceOption,
    Dtype,
    DtypeOption,
    ModelOption,
    OverwriteOption,
    StructureArgument,
)

if TYPE_CHECKING:
    from alignn_ff.md import MDConfig, MDFiles, MDResult, Snapshot


def md(
    structure: StructureArgument,
    steps: Annotated[int, typer.Option(help="Number of time steps.", show_default=False)],
    ensemble: Annotated[str, typer.Option(help="nve, or nvt_langevin with a thermostat.")] = "nve",
    temperature: Annotated[float, typer.Option(help="Of initial velocities and thermostat, K.")] = 300.0,
    timestep: Annotated[float, typer.Option(help="Time step, fs.")] = 1.0,
    friction: Annotated[
        float | None, typer.Option(help="Friction of nvt_langevin, 1/fs (default 0.01).", show_default=False)
    ] = None,
    supercell: Annotated[str, typer.Option(help="Repeats along the lattice vectors.")] = "1,1,1",
    seed: Annotated[int, typer.Option(help="Seed of velocities and thermostat.")] = 0,
    keep_velocities: Annotated[
        bool, typer.Option("--keep-velocities", help="Start from the velocities in the file.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PREFIX",
            help="Writes PREFIX.extxyz (frames), PREFIX.csv (log), PREFIX-final.extxyz and PREFIX.json "
            "(default: <stem>-md).",
        ),
    ] = None,
    write_every: Annotated[int, typer.Option(help="Steps between frames.")] = 10,
    log_every: Annotated[int, typer.Option(help="Steps between rows of the log.")] = 10,
    overwrite: OverwriteOption = False,
    model: ModelOption = "auto",
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.float32,
    backend: BackendOption = Backend.auto,
) -> None:
    """Molecular dynamics: frames, a log of energies, the last structure, and a summary with the energy drift."""
    from alignn_ff.cli.inputs import load_calculator, parse_supercell
    from alignn_ff.io import read_structure
    from alignn_ff.md import MDConfig, claim, md_files, run_md

    settings: dict[str, object] = {} if friction is None else {"friction_per_fs": friction}
    config = MDConfig.model_validate(
        {
            "steps": steps,
            "ensemble": ensemble,
            "temperature_K": temperature,
            "timestep_fs": timestep,
            "supercell": parse_supercell(supercell),
            "seed": seed,
            "keep_velocities": keep_velocities,
            "write_every": write_every,
            "log_every": log_every,
            **settings,
        }
    )
    atoms = read_structure(structure)
    files = md_files(structure, prefix=output)
    claim(files.all, source=structure, overwrite=overwrite)
    calculator = load_calculator(atoms, model=model, device=device, dtype=dtype.value, backend=backend.value)
    with stoppable(f"{files.trajectory} and {files.log} hold what was done so far"), _progress(config) as show:
        result = run_md(atoms, calculator, config=config, files=files, on_step=show)
    _print(result, files)


@contextmanager
def _progress(config: "MDConfig") -> Iterator[Callable[["Snapshot"], None]]:
    """A bar on stderr with steps, temperature, speed and the time that is left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from alignn_ff.md import nanoseconds_per_day

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("starting", total=config.steps)

        def show(snapshot: "Snapshot") -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            speed = nanoseconds_per_day(snapshot.time_fs, elapsed) if elapsed > 0 else 0.0
            description = f"{snapshot.temperature_K:.0f} K  {speed:.3g} ns/day"
            progress.update(task, completed=snapshot.step, description=description)

        yield show


def _print(result: "MDResult", files: "MDFiles") -> None:
    from alignn_ff.cli.summary import print_files, print_title, summary_table

    config = result.config
    print_title(f"{result.atoms.get_chemical_formula()}, {len(result.atoms)} atoms, {config.ensemble}", result.model)
    rows = [
        ("steps", f"{config.steps} × {config.timestep_fs:g} fs"),
        ("mean temperature", f"{result.mean_temperature_K:.1f} K"),
        ("final temperature", f"{result.final_temperature_K:.1f} K"),
        ("total energy, first", f"{result.total_energy_first_eV:.6f} eV"),
        ("total energy, last", f"{result.total_energy_last_eV:.6f} eV"),
        ("drift of the conserved quantity", _drift_in_words(result)),
        ("wall time", f"{result.wall_time_s:.1f} s"),
        ("speed", "–" if result.ns_per_day is None else f"{result.ns_per_day:.4g} ns/day"),
    ]
    results.print(summary_table(rows))
    results.print(f"conserved quantity: {result.conserved_quantity}", soft_wrap=True)
    print_files(
        [("frames", files.trajectory), ("log", files.log), ("last frame", files.final), ("summary", files.summary)]
    )


def _drift_in_words(result: "MDResult") -> str:
    drift, error = result.drift_meV_per_atom_per_ps, result.drift_stderr_meV_per_atom_per_ps
    if drift is None:
        return "– (too few steps)"
    return f"{drift:+.4f} {'' if error is None else f'± {error:.4f} '}meV/atom/ps"
