"""The printed summary of a check."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alignn_ff.cli.console import plain_table, results
from alignn_ff.cli.summaries.summary import count, print_files, print_title

if TYPE_CHECKING:
    from rich.console import Console

    from alignn_ff.check import Report, Row

STYLES: Final = {"passed": "green", "failed": "bold red", "warning": "yellow", "expected": "cyan"}
SHORT: Final = {"passed": "ok", "failed": "FAILED"}
MOST_TOLD: Final = 5


def print_check(report: "Report", files: Sequence[tuple[str, Path]]) -> None:
    """Print the table, each case that does not hold, the verdict and the files."""
    print_title(f"check, {report.effort}", report.model)
    table = plain_table(("", "law", "figure", "limit", "where"), numbers=("figure", "limit"))
    for row in report.rows:
        if row.verdict == "not applicable":  # counted below, with its reason in the JSON file
            continue
        table.add_row(*_cells(row), style=STYLES.get(row.verdict, "dim"))
    results.print(table)
    for row in report.rows:
        _print_broken(row, results)
    results.print(
        f"{'passed' if report.passed else 'FAILED'}: {report.in_words}, in {report.seconds:.1f} s",
        style="green" if report.passed else "bold red",
        soft_wrap=True,
    )
    print_files(files)


def print_verdict(report: "Report", file: Path, console: "Console") -> None:
    """Print one line with the verdict, and each case of the rows that failed."""
    style = "green" if report.passed else "bold red"
    verdict = "passed" if report.passed else "FAILED"
    console.print(f"check: {verdict}, {report.in_words}; {file}", style=style, markup=False, soft_wrap=True)
    for row in report.failed:
        _print_broken(row, console)


def _cells(row: "Row") -> tuple[str, str, str, str, str]:
    from rich.markup import escape

    if row.worst is None:
        return SHORT.get(row.verdict, row.verdict), row.title, "–", "–", escape(row.note)
    limit = "–" if row.worst.limit is None else f"{row.worst.limit:.2g}"
    unit = f" {row.worst.unit}" if row.worst.unit else ""
    left = f"; {count(row.n_left, 'case')} not run" if row.n_left else ""
    where = row.case or (row.worst.note if row.nature == "figure" else "")
    return (
        SHORT.get(row.verdict, row.verdict),
        row.title,
        f"{row.worst.value:.2g}{unit}",
        limit,
        escape(f"{where}{left}"),
    )


def _print_broken(row: "Row", console: "Console") -> None:
    if row.verdict not in STYLES or row.verdict == "passed":
        return
    reason = f" ({row.note})" if row.verdict == "expected" else ""
    console.print(f"{row.verdict}: {row.title}{reason}", style=STYLES[row.verdict], markup=False, soft_wrap=True)
    for broken in row.broken[:MOST_TOLD]:
        case = f"{broken.case}: " if broken.case else ""
        console.print(f"  {case}{broken.reason}", markup=False, soft_wrap=True)
    if len(row.broken) > MOST_TOLD:
        console.print(f"  and {len(row.broken) - MOST_TOLD} more cases", markup=False)
