"""``alignn-ff check``: whether a model, an export or a calculator computes what it should, on this machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from alignn_ff.check.config import CheckConfig
from alignn_ff.cli.console import errors, shows_bars, stoppable
from alignn_ff.cli.model_choice import PreciseModelChoice, chosen_model
from alignn_ff.cli.options import OverwriteOption
from alignn_ff.cli.schema import options_of
from alignn_ff.errors import ConfigError

if TYPE_CHECKING:
    from ase import Atoms

    from alignn_ff.check import Report, Row

FAILED: Final = 1
"""Exit code of a check in which a law does not hold."""


@options_of(PreciseModelChoice, "model_options", panel="Model", leave_out=("model", "resident", "uncertainty"))
@options_of(CheckConfig, "settings", panel="Check", leave_out=("effort",))
def check(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL [STRUCTURE…]",
            help="Zoo name, model file or folder; then structure files on which the laws are checked too. With "
            "--calculator, only structures.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="At most about 20 seconds.", rich_help_panel="Check")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="All pairs, long dynamics, dense scans.", rich_help_panel="Check")
    ] = False,
    calculator: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:CLASS",
            help="Check an ASE calculator of any package instead, such as ase.calculators.emt:EMT.",
            show_default=False,
            rich_help_panel="Model",
        ),
    ] = None,
    argument: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An argument of the calculator's class.", rich_help_panel="Model"),
    ] = None,
    elements: Annotated[
        str | None,
        typer.Option(
            help="Elements that the calculator covers, such as Cu,Ni; without it, those of the structures.",
            show_default=False,
            rich_help_panel="Model",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures.", rich_help_panel="Output")
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write one page with the table and figures.", rich_help_panel="Output"
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    *,
    settings: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Check that a model obeys the laws of physics, on this machine; the exit code is 1 if one does not hold.

    Laws hold for every force field: forces and stress are derivatives of the energy, symmetries, conservation, smooth
    energies. Judgements are about this potential: dimers that repel, one volume of lowest energy. They are warnings,
    and failures with --strict.
    """
    from alignn_ff.io import claimed

    config = _config(settings, quick=quick, full=full)
    given = list(words or [])
    if calculator is None and not given:
        raise ConfigError("give the MODEL: `alignn-ff check MODEL`, or --calculator module:Class")
    if calculator is None and (elements or argument):
        raise ConfigError("--elements and --argument belong to --calculator; a model has its own elements")
    paths = [Path(word) for word in (given if calculator else given[1:])]
    structures = _read(paths)
    written = [path for path in (json_file, html_file) if path is not None]
    choice = PreciseModelChoice.model_validate(model_options)
    with claimed(written, source=paths[0] if paths else None, overwrite=overwrite):
        with stoppable("nothing was written"), _progress() as show:
            if calculator is None:
                report = _of_model(given[0], choice, config, structures, show)
            else:
                report = _of_calculator((calculator, argument or [], elements), choice, config, structures, show)
        _finish(report, json_file, html_file)


def _config(settings: Mapping[str, Any], *, quick: bool, full: bool) -> CheckConfig:
    if quick and full:
        raise ConfigError("--quick and --full exclude each other")
    effort = "quick" if quick else "full" if full else "default"
    return CheckConfig.model_validate({**settings, "effort": effort})


def _read(paths: Sequence[Path]) -> "dict[str, Atoms]":
    from alignn_ff.io import read_structure

    return {str(path): read_structure(path) for path in paths}


def _of_model(
    model: str,
    choice: PreciseModelChoice,
    config: CheckConfig,
    structures: "Mapping[str, Atoms]",
    show: "Callable[[Row], None]",
) -> "Report":
    from alignn_ff.check import check_potential
    from alignn_ff.potential import load_potential

    if config.cutoff_A is not None:
        raise ConfigError("--cutoff belongs to --calculator; a model has its own cutoffs")
    if model == "auto" and not structures:
        raise ConfigError('the model "auto" suits structures: give them after it, or name a model')
    atoms = list(structures.values())
    model = chosen_model(model, [number for one in atoms for number in one.numbers], atoms)
    potential = load_potential(model, **choice.execution())
    return check_potential(potential, config=config, structures=structures, on_row=show)


def _of_calculator(
    chosen: tuple[str, Sequence[str], str | None],
    choice: PreciseModelChoice,
    config: CheckConfig,
    structures: "Mapping[str, Atoms]",
    show: "Callable[[Row], None]",
) -> "Report":
    from ase.data import atomic_numbers

    from alignn_ff.check import check_calculator, load_calculator
    from alignn_ff.cli.parsing import parse_changes, parse_elements

    place, arguments, named = chosen
    symbols = parse_elements(named) if named else {s for atoms in structures.values() for s in atoms.symbols}
    elements = sorted(atomic_numbers[symbol] for symbol in symbols)
    calculator = load_calculator(place, parse_changes(list(arguments)))
    return check_calculator(
        calculator, elements=elements, dtype=choice.dtype, config=config, structures=structures, on_row=show
    )


@contextmanager
def _progress() -> "Iterator[Callable[[Row], None]]":
    """A line on stderr that shows the law that was checked last."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not shows_bars()) as progress:
        task = progress.add_task("checking", total=None)
        yield lambda row: progress.update(task, description=f"{row.title}: {row.verdict}")


def _finish(report: "Report", json_file: Path | None, html_file: Path | None) -> None:
    """Write the files, print the table, and exit with the code of the result."""
    from alignn_ff.cli.summaries.check import print_check
    from alignn_ff.io import atomic_write, write_json

    if json_file is not None:
        write_json(json_file, report.to_json())
    if html_file is not None:
        from alignn_ff.check import page
        from alignn_ff.plots import check_figures, figure_svg

        drawn = {title: figure_svg(figure) for title, figure in check_figures(report).items()}
        with atomic_write(html_file) as temporary:
            temporary.write_text(page(report, drawn), encoding="utf-8")
    written = [("figures", json_file), ("page", html_file)]
    print_check(report, [(what, path) for what, path in written if path is not None])
    if not report.passed:
        raise typer.Exit(FAILED)
