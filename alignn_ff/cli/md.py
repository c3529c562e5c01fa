"""``alignn-ff md``: molecular dynamics of a structure, and going on with it."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from alignn_ff.cli.console import errors, stoppable
from alignn_ff.cli.options import (
    Backend,
    BackendOption,
    DeviceOption,
    Dtype,
    DtypeOption,
    MemoryLimitOption,
    ModelOption,
    OverwriteOption,
)
from alignn_ff.errors import ConfigError

if TYPE_CHECKING:
    from alignn_ff.md import GuardLimits, Snapshot

ENSEMBLE_HELP = (
    "nve; nvt_langevin, nvt_bussi, nvt_nose_hoover, nvt_andersen; npt_mtk, npt_langevin; nph; for equilibration only "
    "nvt_berendsen, npt_berendsen."
)
WITH_RESTART: Final = frozenset({"restart", "steps", "guard", "no_guards", "model"})
"""Options that go together with --restart."""


def md(
    ctx: typer.Context,
    structure: Annotated[
        Path | None,
        typer.Argument(
            metavar="[STRUCTURE]",
            help="Structure file in any format that ASE reads; of several structures the last. None with --restart.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Number of time steps; with --restart those of the whole run, to prolong it.", show_default=False
        ),
    ] = None,
    ensemble: Annotated[str, typer.Option(help=ENSEMBLE_HELP)] = "nve",
    temperature: Annotated[
        str, typer.Option(help="Of thermostat and starting velocities, K; 300:2000:300 leads it along ramps.")
    ] = "300",
    pressure: Annotated[
        str | None,
        typer.Option(help="Of the barostat, GPa (default 0); 0:5 leads it along a ramp.", show_default=False),
    ] = None,
    timestep: Annotated[float, typer.Option(help="Time step, fs.")] = 1.0,
    thermostat_time: Annotated[
        float | None, typer.Option(help="Relaxation time of the thermostat, fs (default 100).", show_default=False)
    ] = None,
    barostat_time: Annotated[
        float | None, typer.Option(help="Relaxation time of the barostat, fs (default 1000).", show_default=False)
    ] = None,
    cell_motion: Annotated[
        str | None,
        typer.Option(
            help="How a barostat moves the cell: isotropic (default), full, or axes (lengths alone; slabs).",
            show_default=False,
        ),
    ] = None,
    cell_axes: Annotated[
        str | None,
        typer.Option(
            help="Axes that --cell-motion axes moves, such as ab (default: the periodic ones).", show_default=False
        ),
    ] = None,
    compressibility: Annotated[
        float | None, typer.Option(help="Assumed by npt_berendsen, 1/GPa (default 0.01).", show_default=False)
    ] = None,
    stages: Annotated[
        Path | None,
        typer.Option(
            help="JSON list of stages, each with steps, ensemble, temperature_K, pressure_GPa, …; the options here are "
            "what they do not say.",
            show_default=False,
        ),
    ] = None,
    supercell: Annotated[str, typer.Option(help="Repeats along the lattice vectors.")] = "1,1,1",
    seed: Annotated[int, typer.Option(help="Seed of velocities and thermostat.")] = 0,
    keep_velocities: Annotated[
        bool, typer.Option("--keep-velocities", help="Start from the velocities in the file.")
    ] = False,
    exact_temperature: Annotated[
        bool, typer.Option("--exact-temperature", help="Rescale the starting velocities to exactly --temperature.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PREFIX",
            help="Writes PREFIX.extxyz (frames), .csv (log), -final.extxyz, .json (summary), .restart "
            "(default <stem>-md).",
        ),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Formats of the trajectory, several with commas: extxyz, traj, h5md.")
    ] = "extxyz",
    quantities: Annotated[
        str,
        typer.Option(
            help="What frames hold beside positions, cell and energy: velocities, forces, stress, atomic_energies."
        ),
    ] = "velocities,forces,stress",
    write_every: Annotated[int, typer.Option(help="Steps between frames.")] = 10,
    log_every: Annotated[int, typer.Option(help="Steps between rows of the log.")] = 10,
    checkpoint_every: Annotated[
        int, typer.Option(help="Most steps between restart files; also every 10 minutes, on SIGTERM and Ctrl-C.")
    ] = 1000,
    restart: Annotated[
        Path | None,
        typer.Option(help="Go on with a run from its restart file; nothing else is needed.", show_default=False),
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIMIT=VALUE",
            help="Limit of a guard, or off: max_temperature_K (10000, or ten times the target), "
            "max_drift_meV_per_atom_per_ps (20), min_distance_fraction (0.9 of the training data's shortest), "
            "min_distance_A (off), max_escape_A (10), max_cell_ratio (2).",
            show_default=False,
        ),
    ] = None,
    no_guards: Annotated[bool, typer.Option("--no-guards", help="All guards off but the one against NaN.")] = False,
    overwrite: OverwriteOption = False,
    model: ModelOption = "auto",
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.float32,
    backend: BackendOption = Backend.auto,
    memory_limit: MemoryLimitOption = None,
) -> None:
    """Molecular dynamics: frames, a log of energies, the last structure, and a summary with the energy drift.

    A guard that stops the run exits with 4, a full disk with 5, a signal with 128 + its number; the restart file
    stays, and --restart goes on from it bit for bit (same machine, threads and backend).
    """
    from alignn_ff.cli.inputs import load_calculator, parse_guards, parse_points, parse_supercell, read_stages
    from alignn_ff.cli.md_summary import print_md
    from alignn_ff.io import claim, read_structure
    from alignn_ff.md import GuardLimits, MDConfig, md_files, run_md

    limits = parse_guards(guard or (), off=no_guards)
    if restart is not None:
        _refuse_others(ctx)
        _resume(restart, steps=steps, limits=limits, model=None if model == "auto" else model)
        return
    if structure is None:
        raise ConfigError("give the STRUCTURE to start from, or --restart FILE to go on with a run")
    if (steps is None) == (stages is None):
        raise ConfigError("give either the number of time steps by --steps, or a file of stages by --stages")
    settings = {
        "steps": steps,
        "pressure_GPa": None if pressure is None else parse_points(pressure, "--pressure"),
        "thermostat_time_fs": thermostat_time,
        "barostat_time_fs": barostat_time,
        "cell_motion": cell_motion,
        "cell_axes": cell_axes,
        "compressibility_per_GPa": compressibility,
        "stages": None if stages is None else read_stages(stages),
    }
    config = MDConfig.model_validate(
        {
            "ensemble": ensemble,
            "temperature_K": parse_points(temperature, "--temperature"),
            "timestep_fs": timestep,
            **{name: value for name, value in settings.items() if value is not None},
            "supercell": parse_supercell(supercell),
            "seed": seed,
            "keep_velocities": keep_velocities,
            "exact_temperature": exact_temperature,
            "formats": tuple(formats.split(",")),
            "quantities": tuple(quantities.split(",")) if quantities else (),
            "write_every": write_every,
            "log_every": log_every,
            "checkpoint_every": checkpoint_every,
            "guards": GuardLimits.model_validate(limits),
        }
    )
    atoms = read_structure(structure)
    files = md_files(structure, prefix=output, formats=config.formats)
    claim(files.all, source=structure, overwrite=overwrite)
    calculator = load_calculator(
        atoms, model=model, device=device, dtype=dtype.value, backend=backend.value, memory_limit=memory_limit
    )
    with stoppable(f"{files.trajectory} and {files.log} hold what was done so far"), _progress(config.steps) as show:
        command = shlex.join(["alignn-ff", *sys.argv[1:]])
        result = run_md(atoms, calculator, config=config, files=files, on_step=show, command=command)
    print_md(result, files)


def _refuse_others(ctx: typer.Context) -> None:
    """Options that a restart file has said already are refused, so that nobody thinks that they count."""
    given = [
        name
        for name in ctx.params
        if name not in WITH_RESTART and str(ctx.get_parameter_source(name)).endswith("COMMANDLINE")
    ]
    if given:
        raise ConfigError(
            f"with --restart, {', '.join(given)} cannot be given: the restart file says it; "
            "only --steps, --guard, --no-guards and --model go with it"
        )


def _resume(restart: Path, *, steps: int | None, limits: dict[str, float | None], model: str | None) -> None:
    from alignn_ff.cli.md_summary import print_md
    from alignn_ff.md import MDFiles, resume_md
    from alignn_ff.md.restart.file import read_restart

    head = read_restart(restart).description
    old: dict[str, Any] = head["config"]
    guards: GuardLimits | None = None
    if limits:
        from alignn_ff.md import GuardLimits as Limits

        guards = Limits.model_validate({**old["guards"], **limits})
    files = MDFiles(restart.parent / head["prefix"], tuple(old["formats"]))
    with (
        stoppable(f"{files.trajectory} and {files.log} hold what was done so far"),
        _progress(steps or old["steps"]) as show,
    ):
        result = resume_md(restart, model=model, steps=steps, guards=guards, on_step=show)
    print_md(result, files)


@contextmanager
def _progress(total_steps: int) -> Iterator[Callable[["Snapshot"], None]]:
    """A bar on stderr with steps, temperature, speed and the time that is left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from alignn_ff.md import nanoseconds_per_day

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("starting", total=total_steps)
        first_fs: list[float] = []

        def show(snapshot: "Snapshot") -> None:
            first_fs[:] = first_fs or [snapshot.time_fs]
            elapsed = progress.tasks[0].elapsed or 0.0
            speed = nanoseconds_per_day(snapshot.time_fs - first_fs[0], elapsed) if elapsed > 0 else 0.0
            description = f"{snapshot.temperature_K:.0f} K  {speed:.3g} ns/day"
            progress.update(task, completed=snapshot.step, description=description)

        yield show
