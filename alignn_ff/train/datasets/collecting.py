"""From single records, each of which may be unusable, to a list: all problems in one message."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from ase import Atoms

from alignn_ff.errors import DataError, StructureError
from alignn_ff.train.records.record import NO_LABELS, Array, Record

log = logging.getLogger(__name__)

SHOWN: Final = 10
"""Problems that are listed one by one."""
NAMED: Final = 3
"""Records that are named for each problem."""


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


class Account(Protocol):
    """What is known about a source after its last record."""

    def check_keys(self) -> None:
        """Raise a DataError where a key that the user gave does not exist."""

    def advice(self) -> Iterator[str]:
        """Sentences about records that cannot be used."""

    def notices(self) -> Iterator[str]:
        """Sentences that a user should read."""


Parts = Iterable[tuple[str, Callable[[], Draft]]]
"""Of each record, its name in messages, which is also its identifier where it has none of its own, and its reading."""


def collect(source: Path | str, parts: Parts, account: Account | None = None) -> list[Record]:
    """All records, as :func:`collected` gives them."""
    return list(collected(source, parts, account))


def collected(
    source: Path | str, parts: Parts, account: Account | None = None, *, tell: Callable[[str], None] = log.warning
) -> Iterator[Record]:
    """Records one by one; problems of some are raised after the last.

    Args:
        source: the file or data set, for messages.
        parts: of the records.
        account: of the labels; None: there is nothing to say about them.
        tell: called after the last record with each sentence that a user should read.

    Raises:
        DataError: there are none, or some cannot be used; the first of these are named.
    """
    n_parts, problems = 0, dict[str, list[str]]()
    for name, read in parts:
        n_parts += 1
        try:
            draft = read()
        except (DataError, StructureError) as error:
            problems.setdefault(str(error), []).append(name)
        else:
            yield Record(**{**draft._asdict(), "identifier": draft.identifier or name})
    if not n_parts:
        raise DataError(f"{source} is empty: it holds no records")
    if account is not None:
        account.check_keys()
    if problems:
        advice = account.advice() if account is not None else ()
        raise DataError("\n".join([_all_problems(source, problems, n_parts), *advice]))
    for sentence in account.notices() if account is not None else ():
        tell(sentence)


def none_chosen(source: Path | str, n_records: int) -> str:
    """That an index chooses nothing, in words."""
    return (
        f"{source} holds {n_records} {'record' if n_records == 1 else 'records'}, none of which the index chooses; the "
        f"first is 0, the last {n_records - 1} or -1, and all are :"
    )


def _all_problems(source: Path | str, problems: Mapping[str, Sequence[str]], n_parts: int) -> str:
    """Each problem once, with the records that have it."""
    more = len(problems) - SHOWN
    lines = [f"  - {_some(names)}: {problem}" for problem, names in list(problems.items())[:SHOWN]]
    lines += [f"  … {more} more"] if more > 0 else []
    n_bad = sum(map(len, problems.values()))
    return f"{n_bad} of {n_parts} records of {source} cannot be used:\n" + "\n".join(lines)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f", … ({len(names)} records)" if len(names) > NAMED else "")
