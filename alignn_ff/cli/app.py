"""The ``alignn-ff`` program: its commands and their error handling.

A command's module is imported when the command is called or its help is shown, so that ``alignn-ff --help`` is fast.
Heavy imports (torch) are inside the commands.
"""

import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from alignn_ff import __version__
from alignn_ff.allocator import keep_freed_memory
from alignn_ff.cli.console import complain
from alignn_ff.errors import AlignnError, StorageError
from alignn_ff.interrupt import sigterm_raises
from alignn_ff.properties.table import PROPERTIES

PROPERTY: Final = "command of a property"
"""Stands for the function of a command that is a row of ``PROPERTIES``."""


class Command(NamedTuple):
    """One command.

    Attributes:
        help: shown in the list of commands.
        function: name in the command's module; None if the module has an ``app`` of subcommands.
    """

    help: str
    function: str | None = None


COMMANDS: Final[dict[str, Command]] = {
    "energy": Command("Energy, forces and stress of a structure, without relaxing it.", "energy"),
    "predict": Command("Properties of structures by a model of any kind.", "predict"),
    "relax": Command("Relax a structure, and optionally its cell.", "relax"),
    "md": Command("Molecular dynamics.", "md"),
    "analyze": Command("Structure, thermodynamics, diffusion and vibrations of a trajectory.", "analyze"),
    "batch": Command("One task on many structures: resumable, in shards."),
    **{name: Command(row.help, PROPERTY) for name, row in PROPERTIES.items()},
    "train": Command("Train a model on DFT data.", "train"),
    "eval": Command("Compare a model with labels.", "evaluate"),
    "uncertainty": Command("Standard deviations of a model against its errors; add them to a model.", "uncertainty"),
    "bound": Command("Let energies of atoms level off far beyond those of the training.", "bound"),
    "domain": Command("What a model was trained on, against a structure.", "domain"),
    "check": Command("Whether a model, an export or any calculator obeys the laws of physics.", "check"),
    "config": Command("Training configs: complete, check and explain them."),
    "data": Command("Labelled data: describe, convert, split."),
    "export": Command("A force field as a file for other programs.", "export"),
    "lammps": Command("LAMMPS with pair_style alignn: compile it, run it."),
    "zoo": Command("Models by name: shipped, your own, and those to download."),
}
"""Name → command, in the order of the help; implemented in the module ``commands/NAME.py``."""


ALIASES: Final = {
    "bands": "phonon",
    "dynamics": "md",
    "evaluate": "eval",
    "minimise": "relax",
    "minimize": "relax",
    "models": "zoo",
    "optimise": "relax",
    "optimize": "relax",
    "phonons": "phonon",
}
"""What a command is called elsewhere → its name here; not shown in the help."""


class LazyGroup(TyperGroup):
    """A group that imports the module of a command when it is needed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; while the list of commands is shown, only its name and help."""
        if cmd_name not in COMMANDS:
            return None
        if getattr(ctx, "shows_list", False):
            return _outline(cmd_name)
        return _with_bare_flags(_load(cmd_name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of a line, or an error that names the nearest."""
        args = [ALIASES.get(args[0], args[0]), *args[1:]]
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from alignn_ff.choices import did_you_mean

            near = did_you_mean(args[0], [*COMMANDS, *ALIASES])
            ctx.fail(f"There is no command {args[0]!r}{near or '; `alignn-ff --help` lists all'}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the list of commands."""
        ctx.shows_list = True
        _bare_flags([*self.params, self.get_help_option(ctx)])
        super().format_help(ctx, formatter)


def _with_bare_flags(command: Any) -> Any:
    """A command, or a group of them, whose help shows no type behind options that take no value."""
    _bare_flags([*command.params, command.get_help_option(command.context_class(command))])
    for inner in getattr(command, "commands", {}).values():
        _with_bare_flags(inner)
    return command


def _bare_flags(parameters: Sequence[Any]) -> None:
    """Show no type behind options that take no value."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""


def _outline(name: str) -> Any:
    app = typer.Typer()
    app.command(name, help=COMMANDS[name].help)(lambda: None)
    return get_command(app)


def _load(name: str) -> Any:
    from alignn_ff.cli.schema import with_present_rows  # imports pydantic, which the list of commands does not need

    if name in PROPERTIES:
        return _property_command(name)
    module, command = import_module(f"alignn_ff.cli.commands.{name}"), COMMANDS[name]
    if command.function is None:
        return get_command(module.app)
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    function = with_present_rows(getattr(module, command.function))
    app.command(name, cls=getattr(module, "COMMAND_CLASS", None), help=_paragraphs(function))(function)
    return get_command(app)


def _property_command(name: str) -> Any:
    from alignn_ff.cli.commands.property import command_of

    app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    function = command_of(name)
    app.command(name, help=_paragraphs(function))(function)
    return get_command(app)


def _paragraphs(function: Any) -> str:
    """A docstring with each paragraph on one line, which the terminal wraps."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(function.__doc__).split("\n\n"))


app = typer.Typer(
    name="alignn-ff",
    cls=LazyGroup,
    help="Atomistic simulation with ALIGNN force fields: relax, run MD, train on DFT data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alignn-ff {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Atomistic simulation with ALIGNN force fields: relax, run MD, train on DFT data."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit. A user error is one message and an exit code, without a traceback.

    Args:
        arguments: of the command line, without the program's name; None means those of the process.
    """
    keep_freed_memory()
    with sigterm_raises() as terminated:
        try:
            with user_errors():
                app(args=arguments, prog_name="alignn-ff")
        except SystemExit:
            if terminated():
                sys.exit(terminated.exit_code)
            raise


@contextmanager
def user_errors() -> Iterator[None]:
    """A context in which an error that a user can correct is one message and an exit code."""
    try:
        yield
    except AlignnError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        full = _disk_is_full(error)
        if error.filename is None and not full:
            raise
        complain(f"cannot use {error.filename or 'a file'}: {error.strerror}")
        sys.exit(StorageError.exit_code if full else AlignnError.exit_code)


def _disk_is_full(error: OSError) -> bool:
    from alignn_ff.io import FULL

    return error.errno in FULL
