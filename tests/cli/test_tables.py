"""Printed tables hold all their words, however narrow the terminal is."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console
from rich.table import Table

from alignn_ff.cli.console import plain_table
from alignn_ff.cli.summaries.summary import summary_table
from alignn_ff.cli.summaries.tables import COLUMNS, error_table
from tests.support.command_line import CommandLine

LONG = ("a_name_without_any_space_in_it", "1.2345e+03 µs/atom", "64 atoms, 1 thread, on a machine")


def printed(table: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def letters(words: Sequence[str]) -> list[str]:
    return sorted("".join(words).replace(" ", ""))


@pytest.mark.parametrize("width", [24, 40, 80, 120])
def test_no_cell_is_cut(width: int) -> None:
    table = plain_table(("quantity", "value", "where"), numbers=("value",))
    table.add_row(*LONG)
    shown = printed(table, width)
    assert max(map(len, shown.splitlines())) <= width
    assert sorted("".join(shown.split())) == letters(("quantity", "value", "where", *LONG))
    assert sorted("".join(printed(summary_table([LONG]), width).split())) == letters(LONG)


def test_a_table_of_errors_fits_80_columns_with_whole_words() -> None:
    names = [name for name in COLUMNS if name.startswith(("energy", "force", "stress"))]
    row = {"n_structures": 12345.0, **dict.fromkeys(names, 12.3456)}
    shown = printed(error_table("model on data", {"all": row, "AIMD-NVT": row}), 80)
    for word in ("config_type", "structures", "meV/atom", "RMSE", "GPa", "AIMD-NVT", "12345", "12.3456"):
        assert word in shown
    assert "…" not in shown


@pytest.mark.parametrize("words", ["zoo list", "zoo list --published", "zoo show universal"])
def test_lists_of_models_hold_whole_names(words: str, command_line: CommandLine) -> None:
    shown = command_line(*words.split(), columns=80).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "universal" in shown or "published" in words
