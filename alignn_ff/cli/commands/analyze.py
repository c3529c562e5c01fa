"""``alignn-ff analyze``: structure, thermodynamics, diffusion and vibrations of a trajectory."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from alignn_ff.analysis.config import AnalysisConfig
from alignn_ff.cli.console import StatusLines, errors, shows_bars, stoppable
from alignn_ff.cli.options import JsonOption, OverwriteOption, output_option
from alignn_ff.cli.schema import options_of
from alignn_ff.errors import ConfigError

NAMES: Final = {
    "observables": ("--only",),
    "bin_A": ("--bin",),
    "n_blocks": ("--blocks",),
    "format": ("--format", "--input-format"),
}
"""Options that are not named after their fields."""


@options_of(
    AnalysisConfig,
    "settings",
    panel="Observables",
    panels={"Frames": ("from_fs", "to_fs", "every", "frame_time_fs", "format", "elements", "skip_damaged")},
    names=NAMES,
    defaults={"observables": "all that are possible"},
)
def analyze(
    trajectory: Annotated[
        Path,
        typer.Argument(
            metavar="TRAJ",
            help="Trajectory: extended XYZ, .traj, H5MD, or another format that ASE reads (XDATCAR, LAMMPS dump, …).",
            show_default=False,
        ),
    ],
    output: Annotated[
        str | None,
        output_option("Writes PREFIX.json, PREFIX-rdf.csv, …, PREFIX-mean.extxyz and figures.", "<stem>-analysis"),
    ] = None,
    figures: Annotated[
        str, typer.Option(help="Format of the figures: png, pdf, svg, …, or none.", rich_help_panel="Output")
    ] = "png",
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    *,
    settings: Mapping[str, Any],
) -> None:
    """Thermodynamic averages, g(r), coordination, angles, diffusion, vibrations and mean structure of a trajectory."""
    import json

    from alignn_ff.analysis import analysis_files, write_analysis
    from alignn_ff.io import Source, claimed

    source = Source.of(trajectory)
    if source.index is not None:
        raise ConfigError(f"{trajectory} chooses frames; `analyze` chooses them by --from, --to and --every")
    trajectory = source.path
    config = AnalysisConfig.model_validate(settings)
    wanted = None if figures == "none" else figures
    files = analysis_files(trajectory, config.observables, prefix=output, figures=wanted)
    if not trajectory.is_file():
        raise ConfigError(f"no such trajectory: {trajectory}")
    if wanted is not None:
        from alignn_ff.plots import check_figure

        check_figure(Path(f"figure.{wanted}"))
    with claimed(files.all, source=trajectory, overwrite=overwrite):
        from alignn_ff.analysis import analyze as run

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
        from alignn_ff.cli.summaries.analysis import print_analysis

        print_analysis(analysis, written)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar of the frames on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not shows_bars()) as progress:
        task, lines = progress.add_task("frames", total=None), StatusLines("reading the frames")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)
            lines.show(f"frame {done}/{total}")

        yield show
