"""Output of the command line: results to stdout, everything else to stderr."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console

from alignn_ff.interrupt import Terminated

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.table import Table

results = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes of a program that Ctrl-C or SIGTERM ended."""


def complain(message: str) -> None:
    """Print an error as one message without line breaks; names of files may hold bytes that are no text."""
    message = message.encode("utf-8", "backslashreplace").decode()
    errors.print("error: ", style="bold red", end="")
    errors.print(message, markup=False, soft_wrap=True)


def plain_table(headings: "Sequence[str]", *, numbers: "Collection[str]" = (), show_header: bool = True) -> "Table":
    """An empty table without lines, in which no cell is cut: what does not fit goes on in the next line.

    Args:
        headings: of the columns.
        numbers: headings of the columns that are aligned to the right.
        show_header: whether the headings are printed.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=show_header)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numbers else "left", overflow="fold")
    return table


def shows_bars() -> bool:
    """Whether a progress bar can be seen: on a terminal, or in a notebook with ipywidgets; else lines are printed."""
    return errors.is_terminal or (errors.is_jupyter and find_spec("ipywidgets") is not None)


STATUS_EVERY_S: Final = 60.0
"""Time between the lines of a run that nobody sees a progress bar of."""


class StatusLines:
    """The state of a run where no bar is shown: one line at the start, and one per minute.

    Args:
        start: the first line.
    """

    def __init__(self, start: str) -> None:
        self._at = time.monotonic()
        if not shows_bars():
            errors.print(start, markup=False, soft_wrap=True)

    def show(self, line: str) -> None:
        """Print the state, if a minute has passed since the last line."""
        if shows_bars() or time.monotonic() - self._at < STATUS_EVERY_S:
            return
        self._at = time.monotonic()
        errors.print(line, markup=False, soft_wrap=True)


@contextmanager
def stoppable(what_stays: str) -> Iterator[None]:
    """A context in which Ctrl-C or SIGTERM ends the program with one message."""
    try:
        yield
    except KeyboardInterrupt as error:
        name, code = ("SIGTERM", TERMINATED) if isinstance(error, Terminated) else ("Ctrl-C", INTERRUPTED)
        errors.print(f"stopped by {name}; {what_stays}", markup=False, soft_wrap=True)
        raise typer.Exit(code) from None
