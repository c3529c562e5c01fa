"""Output of the command line: results to stdout, everything else to stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

results = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""


def complain(message: str) -> None:
    """Print an error as one message without line breaks; names of files may hold bytes that are no text."""
    message = message.encode("utf-8", "backslashreplace").decode()
    errors.print("error: ", style="bold red", end="")
    errors.print(message, markup=False, soft_wrap=True)


@contextmanager
def stoppable(what_stays: str) -> Iterator[None]:
    """A context in which Ctrl-C ends the program with one message."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print(f"stopped by Ctrl-C; {what_stays}", markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
