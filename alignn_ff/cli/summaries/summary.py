"""Parts of the printed summaries: the title, a table of quantities, the files."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from alignn_ff.cli.console import plain_table, results

if TYPE_CHECKING:
    from alignn_ff.runs.model_record import ModelRecord


def summary_table(rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> Table:
    """A table with quantities in the first column and numbers in the others."""
    cells = [tuple(row) for row in rows]
    table = plain_table((), show_header=bool(header))
    for column in range(max(len(row) for row in cells)):
        table.add_column(header[column] if header else "", justify="left" if column == 0 else "right", overflow="fold")
    for row in cells:
        table.add_row(*row)
    return table


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 atom", "2 atoms"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_title(title: str, model: "ModelRecord") -> None:
    """Print the title, the model and where it comes from."""
    results.print(f"{title} · model {model.in_words}", markup=False, soft_wrap=True)
    if model.sha256 is not None:
        print_origin(model.origin, model.path, model.sha256)


def print_origin(origin: str | None, path: object, sha256: str) -> None:
    """Print where a model comes from: in words, with its path unless it is shipped, and the hash of its file."""
    from alignn_ff.zoo import ORIGINS

    place = ORIGINS["shipped"] if origin == "shipped" else path or "an unknown file"
    results.print(f"model from   {place} (SHA-256 {sha256[:12]}…)", markup=False, soft_wrap=True)


def print_files(files: Iterable[tuple[str, Path]]) -> None:
    """Print the files, one line each."""
    for what, path in files:
        results.print(f"{what:<12} {path}", markup=False, soft_wrap=True)
