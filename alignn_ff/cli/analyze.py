"""``alignn-ff analyze``: structure, thermodynamics, diffusion and vibrations of a trajectory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from alignn_ff.cli.console import errors, stoppable
from alignn_ff.cli.options import JsonOption, OverwriteOption
from alignn_ff.errors import ConfigError

ONLY: Final = "What is computed (default: all that is possible)"


class AnalyzeCommand(TyperCommand):
    """The command, whose help lists the rows of the table of observables."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Add the rows to the help of ``--only``, where the help is printed; called by click."""
        from alignn_ff.analysis import OBSERVABLES

        only = next(parameter for parameter in self.params if parameter.name == "only")
        rows = "; ".join(f"{name}: {row.help}" for name, row in OBSERVABLES.items())
        only.help = f"{ONLY}: {rows}."  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


def analyze(
    trajectory: Annotated[
        Path,
        typer.Argument(
            metavar="TRAJ",
            help="Trajectory: extended XYZ, .traj, H5MD, or any that ASE reads (XDATCAR, LAMMPS dump, …).",
            show_default=False,
        ),
    ],
    only: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help=ONLY, show_default=False),
    ] = None,
    start: Annotated[
        float, typer.Option("--from", help="Leave out frames before this time, as equilibration, fs.")
    ] = 0.0,
    end: Annotated[
        float | None, typer.Option("--to", help="Leave out frames after this time, fs.", show_default=False)
    ] = None,
    every: Annotated[int, typer.Option(help="Use every so many frames.")] = 1,
    frame_time: Annotated[
        float | None,
        typer.Option(help="Time between frames, fs, for files without times (.traj, XDATCAR).", show_default=False),
    ] = None,
    bond: Annotated[
        float | None,
        typer.Option(
            help="Longest bond for coordination and angles, Å (default: first minimum of g(r)).", show_default=False
        ),
    ] = None,
    r_max: Annotated[
        float | None, typer.Option(help="Longest distance of g(r), Å (default: 6 to 12).", show_default=False)
    ] = None,
    bin_width: Annotated[float, typer.Option("--bin", help="Bin of g(r), Å.")] = 0.02,
    blocks: Annotated[int, typer.Option(help="Blocks in time, from whose scatter errors are computed.")] = 5,
    window: Annotated[
        float | None,
        typer.Option(
            help="Length of the velocity autocorrelation, fs (default: 4000, or a quarter of the run).",
            show_default=False,
        ),
    ] = None,
    keep_drift: Annotated[bool, typer.Option("--keep-drift", help="Keep the motion of the centre of mass.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PREFIX",
            help="Writes PREFIX.json, PREFIX-rdf.csv, …, PREFIX-mean.extxyz and figures (default: <stem>-analysis).",
        ),
    ] = None,
    figures: Annotated[str, typer.Option(help="Format of the figures: png, pdf, svg, …, or none.")] = "png",
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Thermodynamic averages, g(r), coordination, angles, diffusion, vibrations and mean structure of a trajectory."""
    import json

    from alignn_ff.analysis import AnalysisConfig, analysis_files, write_analysis
    from alignn_ff.analysis import analyze as run
    from alignn_ff.io import claim

    chosen = {} if only is None else {"observables": tuple(word.strip() for word in only.split(","))}
    config = AnalysisConfig.model_validate(
        {
            "from_fs": start,
            "to_fs": end,
            "every": every,
            "frame_time_fs": frame_time,
            "bond_A": bond,
            "r_max_A": r_max,
            "bin_A": bin_width,
            "n_blocks": blocks,
            "window_fs": window,
            "keep_drift": keep_drift,
            **chosen,
        }
    )
    wanted = None if figures == "none" else figures
    files = analysis_files(trajectory, config.observables, prefix=output, figures=wanted)
    if wanted is not None:
        from alignn_ff.plots import check_figure

        check_figure(Path(f"figure.{wanted}"))
    if not trajectory.is_file():
        raise ConfigError(f"no such trajectory: {trajectory}")
    claim(files.all, source=trajectory, overwrite=overwrite)
    with stoppable("nothing was written"), _progress() as show:
        analysis = run(trajectory, config=config, on_frame=show)
    written = write_analysis(files, analysis)
    if wanted is not None:
        from alignn_ff.plots import observable_figures, save_figure

        for name, figure in observable_figures(analysis).items():
            save_figure(figure, files.figures[name])
            written.append(files.figures[name])
    if as_json:
        typer.echo(json.dumps(analysis.to_json(), allow_nan=False))
    else:
        from alignn_ff.cli.analysis_summary import print_analysis

        print_analysis(analysis, written)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr over the frames."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("frames", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
