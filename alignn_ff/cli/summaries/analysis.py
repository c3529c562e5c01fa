"""The printed summary of an analysis."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignn_ff.cli.console import results
from alignn_ff.cli.summaries.summary import count, summary_table

if TYPE_CHECKING:
    from alignn_ff.analysis import Analysis


def print_analysis(analysis: "Analysis", written: Sequence[Path]) -> None:
    """Print the main numbers, the omitted observables with the reason, and the files."""
    from alignn_ff.analysis import OBSERVABLES

    clock, n_atoms = analysis.clock, len(analysis.atoms)
    spacing = "" if clock.frame_time_fs is None else f", every {clock.frame_time_fs:g} fs from {clock.first_fs:g} fs"
    results.print(
        f"{analysis.atoms.get_chemical_formula()}, {count(n_atoms, 'atom')} · "
        f"{count(len(clock.chosen), 'frame')}{spacing}",
        markup=False,
        soft_wrap=True,
    )
    rows = [row for name, result in analysis.results.items() for row in OBSERVABLES[name].rows(result.summary)]
    if rows:
        results.print(summary_table(rows))
    for name, reason in analysis.left_out.items():
        results.print(f"no {name}: {reason}", style="yellow", markup=False, soft_wrap=True)
    folder = {path.parent for path in written}
    shown = ", ".join(path.name for path in written) if len(folder) == 1 else ", ".join(map(str, written))
    results.print(
        f"written to {next(iter(folder))}: {shown}" if len(folder) == 1 else shown, markup=False, soft_wrap=True
    )
