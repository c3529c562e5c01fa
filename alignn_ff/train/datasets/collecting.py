"""From single records, each of which may be unusable, to a list: all problems in one message."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ase import Atoms

from alignn_ff.errors import DataError, StructureError
from alignn_ff.train.records.record import NO_LABELS, Array, Record

SHOWN = 10
"""Problems that are listed one by one."""


class Draft(NamedTuple):
    """A record that may have an identifier of its own; attributes as in :class:`Record`."""

    atoms: Atoms
    identifier: str | None
    energy: float | None = None
    forces: Array | None = None
    stress: Array | None = None
    group: str = ""
    target: Array | None = None
    atomwise: Array | None = None
    additional: Array | None = None
    further: Mapping[str, Array] = NO_LABELS


def collect(source: Path | str, parts: Sequence[tuple[str, Callable[[], Draft]]]) -> list[Record]:
    """All records, as :func:`collected` gives them."""
    return list(collected(source, parts))


def collected(source: Path | str, parts: Iterable[tuple[str, Callable[[], Draft]]]) -> Iterator[Record]:
    """Records one by one; problems of some are raised after the last.

    Args:
        source: the file or data set, for messages.
        parts: of each record, its name in messages, which is also its identifier where it has none of its own,
            and what reads it.

    Raises:
        DataError: there are none, or some cannot be used; the first of these are named.
    """
    n_parts, problems = 0, list[str]()
    for name, read in parts:
        n_parts += 1
        try:
            draft = read()
        except (DataError, StructureError) as error:
            problems.append(f"  - {name}: {error}")
        else:
            yield Record(**{**draft._asdict(), "identifier": draft.identifier or name})
    if not n_parts:
        raise DataError(f"{source} is empty: it holds no records")
    if problems:
        more = len(problems) - SHOWN
        shown = "\n".join(problems[:SHOWN]) + (f"\n  … {more} more" if more > 0 else "")
        raise DataError(f"{len(problems)} of {n_parts} records of {source} cannot be used:\n{shown}")
