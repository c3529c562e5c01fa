"""From single records, each of which may be unusable, to a list: all problems are said at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import DataError, StructureError
from alignn_ff.train.records.record import Record

SHOWN = 10
"""Problems that are told one by one."""


class Draft(NamedTuple):
    """A record that may call itself something; attributes as in :class:`Record`."""

    atoms: Atoms
    identifier: str | None
    energy: float | None = None
    forces: NDArray[np.float64] | None = None
    stress: NDArray[np.float64] | None = None
    group: str = ""
    target: NDArray[np.float64] | None = None
    atomwise: NDArray[np.float64] | None = None
    additional: NDArray[np.float64] | None = None


def collect(source: Path | str, parts: Sequence[tuple[str, Callable[[], Draft]]]) -> list[Record]:
    """All records, as :func:`collected` gives them."""
    return list(collected(source, parts))


def collected(source: Path | str, parts: Iterable[tuple[str, Callable[[], Draft]]]) -> Iterator[Record]:
    """Records one by one; what is wrong with some is said after the last.

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
