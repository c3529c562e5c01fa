"""The row of an observable: how it is accumulated, what it needs, which files and figures it has, what is printed.

Everything that handles observables (config, files, figures, the printed summary, the help of the command line) reads
the rows of ``OBSERVABLES``, so a new observable is a new row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from alignn_ff.analysis.context import Context
from alignn_ff.analysis.drawing import Drawing
from alignn_ff.analysis.result import Accumulator, Table
from alignn_ff.analysis.text import Row, Summary

FEWEST_FOR_TIME: Final = 10
"""Fewest frames for an observable in time."""

Need = Callable[[Context], str | None]
"""Why an observable is impossible for a trajectory; None if it is possible."""


def nothing_printed(summary: Summary) -> list[Row]:  # noqa: ARG001 - as a row declares it
    """No row."""
    return []


@dataclass(frozen=True)
class Observable:
    """One observable.

    Attributes:
        help: what it is, in a few words.
        build: makes the object that accumulates frames.
        needs: what a trajectory must have.
        tables: name of each table of curves → what its figure shows; "PREFIX-name.csv" and "PREFIX-name.png".
        rows: summary → rows that are printed.
        gives_structure: whether the result has a structure; "PREFIX-observable.extxyz".
    """

    help: str
    build: Callable[[Context], Accumulator]
    needs: tuple[Need, ...] = ()
    tables: Mapping[str, Callable[[Table], Drawing]] = field(default_factory=dict)
    rows: Callable[[Summary], list[Row]] = nothing_printed
    gives_structure: bool = False


def regular_times(context: Context) -> str | None:
    """The observable needs frames at equal distances in time, and enough of them."""
    if context.clock.frame_time_fs is None:
        return context.clock.problem
    n_frames = len(context.clock.chosen)
    return None if n_frames >= FEWEST_FOR_TIME else f"{n_frames} frames are too few, at least {FEWEST_FOR_TIME} needed"


def several_atoms(context: Context) -> str | None:
    """The observable needs pairs of atoms."""
    return "there is only one atom" if len(context.atoms) == 1 else None


def bond_lengths(context: Context) -> str | None:
    """The observable needs a length below which a pair is a bond."""
    found = any(context.bonds.lengths_A.values())
    return None if found else "g(r) has no first minimum that could define a bond; give --bond"
