"""Commands of the properties: ``alignn-ff eos STRUCTURE`` and its sisters, one for each row of ``PROPERTIES``."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from alignn_ff.cli.console import StatusLines, errors, results, shows_bars, stoppable
from alignn_ff.cli.model_choice import PreciseModelChoice
from alignn_ff.cli.options import MODEL_NAMES, JsonOption, OverwriteOption, output_option
from alignn_ff.cli.schema import options_of, refuse_given
from alignn_ff.cli.structure_choice import STRUCTURE_NAMES, StructureChoice
from alignn_ff.errors import ConfigError
from alignn_ff.properties.table import PROPERTIES

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

    from alignn_ff.properties.run import PropertyRun
    from alignn_ff.properties.work import Notify

NAMES: Final = {
    "relax": ("--relax/--no-relax",),
    "keep_symmetry": ("--symmetry/--no-symmetry",),
    "symmetry_tolerance_A": ("--symprec",),
}
"""Options that all properties have and that are not named after their fields."""


def command_of(name: str) -> Callable[..., None]:
    """The command of a property."""
    row = PROPERTIES[name]

    def command(ctx: typer.Context, **values: Any) -> None:
        given = [values.pop(_argument(place)) for place in row.inputs]
        structures = [*(given[0] or [None])] if row.many else given
        _command(ctx, name, structures, **values)

    command.__doc__ = _help(name)
    command.__signature__ = inspect.Signature(_parameters(name))  # type: ignore[attr-defined]
    with_model = options_of(
        PreciseModelChoice, "model_options", panel="Model", names=MODEL_NAMES, leave_out=("uncertainty",)
    )
    with_settings = options_of(row.config(), "settings", panel="Property", names={**NAMES, **row.option_names})
    fields = tuple(StructureChoice.model_fields) if row.inputs else ()
    with_reading = options_of(StructureChoice, "reading", panel="Structure", names=STRUCTURE_NAMES, only=fields)
    return with_model(with_settings(with_reading(command)))


def _command(
    ctx: typer.Context,
    name: str,
    structures: list[Path | None],
    *,
    restart: Path | None,
    output: str | None,
    dry_run: bool,
    no_figures: bool,
    as_json: bool,
    overwrite: bool,
    reading: Mapping[str, Any],
    settings: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    if restart is not None:
        refuse_given(ctx, allowed=("--json", "--no-figures"), reason="--restart")
        _resume(name, restart, figures=not no_figures, as_json=as_json)
        return
    chosen = _read(name, structures, StructureChoice.model_validate(reading))
    run = _new_run(name, chosen, settings, model_options, output)
    if dry_run:
        _announce(run, _calculator(run), as_json=as_json, in_full=True)
        return
    with _claimed(run, chosen.paths, overwrite=overwrite):
        _compute(run, resume=False, figures=not no_figures, as_json=as_json)


class _Read(NamedTuple):
    """Structures, and the files that they are from."""

    atoms: "tuple[Atoms, ...]"
    paths: tuple[Path, ...]


def _read(name: str, structures: list[Path | None], choice: StructureChoice) -> _Read:
    row = PROPERTIES[name]
    if None in structures:
        missing = row.inputs[structures.index(None)]
        raise ConfigError(f"give the {missing}: `alignn-ff {name} {' '.join(row.inputs)}`, or --restart FILE")
    paths = [path for path in structures if path is not None]
    if row.many:
        atoms = tuple(one for path in paths for one in choice.all(path))
        return _Read(atoms, tuple(choice.source(path).path for path in paths))
    chosen = [choice.one(path) for path in paths]
    return _Read(tuple(one.atoms for one in chosen), tuple(one.path for one in chosen))


def _new_run(
    name: str, chosen: _Read, settings: Mapping[str, Any], model_options: Mapping[str, Any], output: str | None
) -> "PropertyRun":
    from alignn_ff.io import named_output
    from alignn_ff.properties.run import PropertyRun

    config = PROPERTIES[name].config().model_validate(settings)
    choice = PreciseModelChoice.model_validate(model_options)
    prefix = named_output(output, f"{chosen.paths[0].stem if chosen.paths else name}-{name}")
    place = str(Path(choice.model).absolute()) if Path(choice.model).exists() else choice.model
    return PropertyRun(name, chosen.atoms, config, prefix, {**choice.model_dump(), "model": place})


@contextmanager
def _claimed(run: "PropertyRun", sources: tuple[Path, ...], *, overwrite: bool) -> Iterator[None]:
    """A context in which this run alone writes files with its prefix, none of which exists without ``overwrite``."""
    from alignn_ff.io import claim, sole_writer
    from alignn_ff.properties.files import present_files, restart_file, result_file

    result, restart = result_file(run.prefix), restart_file(run.prefix)
    with sole_writer([result]):
        if restart.exists() and not overwrite:
            raise ConfigError(
                f"{restart} is of a run that was stopped: `alignn-ff {run.name} --restart {restart}` finishes it; "
                "--overwrite starts again"
            )
        outputs = dict.fromkeys([result, *present_files(run.prefix)])
        for source in sources or (None,):
            claim(outputs, overwrite=overwrite, source=source)
        yield


def _resume(name: str, restart: Path, *, figures: bool, as_json: bool) -> None:
    from alignn_ff.io import sole_writer
    from alignn_ff.properties.files import result_file, result_of
    from alignn_ff.properties.run import stopped_run

    result = result_of(restart)
    if result is not None:
        results.print(
            f"the run is complete, so there is no {restart}; its result is in {result}. To compute it again, give the "
            "command without --restart, with --overwrite or another --output",
            markup=False,
            soft_wrap=True,
        )
        return
    run = stopped_run(restart)
    if run.name != name:
        raise ConfigError(f"{restart} is of `alignn-ff {run.name}`; call `alignn-ff {run.name} --restart {restart}`")
    with sole_writer([result_file(run.prefix)]):
        _compute(run, resume=True, figures=figures, as_json=as_json)


def _compute(run: "PropertyRun", *, resume: bool, figures: bool, as_json: bool) -> None:
    from alignn_ff.cli.summaries.property import print_property
    from alignn_ff.plots import save_property_figures
    from alignn_ff.properties.files import restart_file, write_result
    from alignn_ff.properties.run import compute

    calculator = _calculator(run)
    if not resume:
        _announce(run, calculator)
    with _running(run) as notify:
        result = compute(run, calculator, resume=resume, notify=notify)
    files = write_result(run.prefix, result)
    if figures:
        files += save_property_figures(result, run.prefix)
    restart_file(run.prefix).unlink(missing_ok=True)
    print_property(run.name, result, files, as_json=as_json)


def _calculator(run: "PropertyRun") -> "BaseCalculator":
    """The calculator of a run's options."""
    from alignn_ff.runs.domain import calculator_word

    choice = PreciseModelChoice.model_validate(run.options)
    return choice.calculator(_all_elements(run), outside=calculator_word(run.config.outside))


def _announce(
    run: "PropertyRun", calculator: "BaseCalculator", *, as_json: bool = False, in_full: bool = False
) -> None:
    """Print what a run will cost: in one line, or in full as the result of a dry run.

    Raises:
        ConfigError: its structures are larger than allowed.
    """
    from alignn_ff.cli.summaries.property import print_forecast
    from alignn_ff.properties.run import forecast_of

    found = forecast_of(run, calculator)
    if in_full:
        print_forecast(run.name, found, as_json=as_json)
    elif found is not None:
        errors.print(f"{run.name}: {found.sentence}", markup=False, soft_wrap=True)
    if found is not None:
        found.check()


def _all_elements(run: "PropertyRun") -> "Atoms":
    """A structure with all elements of the run, for which a model is chosen."""
    from ase import Atoms

    if len(run.structures) == 1:
        return run.structures[0]
    return Atoms([*run.config.further_elements(), *(symbol for atoms in run.structures for symbol in atoms.symbols)])


@contextmanager
def _running(run: "PropertyRun") -> "Iterator[Notify]":
    """A line on stderr that shows the present part of the work."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from alignn_ff.properties.files import restart_file

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    resume = f"alignn-ff {run.name} --restart {restart_file(run.prefix)} continues"
    with (
        stoppable(resume),
        Progress(*columns, console=errors, transient=True, disable=not shows_bars()) as progress,
    ):
        task = progress.add_task(run.name, total=None)
        lines = StatusLines(f"{run.name}, to {run.prefix}")

        def show(name: str, done: int, total: int) -> None:
            state = name if total <= 1 else f"{name}: {done} of {total}"
            progress.update(task, description=state)
            lines.show(f"{run.name}, {state}")

        yield show


def _parameters(name: str) -> list[inspect.Parameter]:
    """Parameters of a property's command before those of its config and of the model."""
    row = PROPERTIES[name]
    help_of_file = "Structure file in any format that ASE reads; of several structures the last is used."
    if row.many:
        help_of_file = "One or more structure files in any format that ASE reads; all structures in them are used."
    kind = list[Path] if row.many else Path
    keyword = inspect.Parameter.KEYWORD_ONLY
    places = {place: typer.Argument(metavar=place, help=help_of_file, show_default=False) for place in row.inputs}
    arguments: list[tuple[str, Any, Any]] = [
        (_argument(place), Annotated[kind | None, argument], None) for place, argument in places.items()
    ]
    restart = typer.Option("--restart", metavar="FILE", help="Finish a run that was stopped, from its restart file.")
    dry_run = typer.Option("--dry-run", help="Only print atoms, evaluations and time.", rich_help_panel="Output")
    no_figures = typer.Option("--no-figures", help="Draw nothing.", rich_help_panel="Output")
    prefix = output_option("Beginning of the names of all files.", f"<stem>-{name}")
    options: list[tuple[str, Any, Any]] = [
        ("restart", Annotated[Path | None, restart], None),
        ("output", Annotated[str | None, prefix], None),
        ("dry_run", Annotated[bool, dry_run], False),
        ("no_figures", Annotated[bool, no_figures], False),
        ("as_json", JsonOption, False),
        ("overwrite", OverwriteOption, False),
        ("reading", Mapping[str, Any], inspect.Parameter.empty),
        ("settings", Mapping[str, Any], inspect.Parameter.empty),
        ("model_options", Mapping[str, Any], inspect.Parameter.empty),
    ]
    context = inspect.Parameter("ctx", keyword, annotation=typer.Context)
    return [context, *(inspect.Parameter(n, keyword, default=d, annotation=a) for n, a, d in arguments + options)]


def _argument(place: str) -> str:
    return place.lower().replace("-", "_")


def _help(name: str) -> str:
    return (
        f"{PROPERTIES[name].help}\n\nA run that is stopped leaves a restart file, and --restart finishes it with the "
        "same numbers. The exit code is 3 if a relaxation did not converge."
    )
