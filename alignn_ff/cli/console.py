"""Where the command line prints: results to stdout, everything else to stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

results = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""


def complain(message: str) -> None:
    """Print an error as one message that is not cut into lines."""
    errors.print("error: ", style="bold red", end="")
    errors.print(message, markup=False, soft_wrap=True)


@contextmanager
def stoppable(what_stays: str) -> Iterator[None]:
    """End the program with one sentence when Ctrl-C stops what runs inside."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print(f"stopped by Ctrl-C; {what_stays}", markup=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
