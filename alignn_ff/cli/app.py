"""The ``alignn-ff`` program: its commands, and what happens when one fails.

Heavy imports (torch, ASE) happen inside the commands, so that ``--help`` answers at once.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from alignn_ff import __version__
from alignn_ff.allocator import keep_freed_memory
from alignn_ff.cli import analyze, config, data, energy, evaluate, md, predict, relax, train, zoo
from alignn_ff.cli.console import complain
from alignn_ff.errors import AlignnError

app = typer.Typer(
    name="alignn-ff",
    help="Atomistic simulation with ALIGNN force fields: relax, run MD, train on DFT data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("energy")(energy.energy)
app.command("predict")(predict.predict)
app.command("relax", cls=relax.RelaxCommand)(relax.relax)
app.command("md")(md.md)
app.command("analyze")(analyze.analyze)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(zoo.app, name="zoo")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alignn-ff {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Atomistic simulation with ALIGNN force fields: relax, run MD, train on DFT data."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit; an error that a user can mend is one message and an exit code, no traceback.

    Args:
        arguments: of the command line, without the program's name; None takes the process's own.
    """
    keep_freed_memory()
    try:
        app(args=arguments)
    except AlignnError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None:
            raise
        complain(f"cannot use {error.filename}: {error.strerror}")
        sys.exit(AlignnError.exit_code)
