"""A data set as it is checked, and what a check finds: a sentence, and the records that it is about."""

from collections.abc import Sequence
from typing import NamedTuple

from alignn_ff.data_checks.consistency import Consistency
from alignn_ff.data_checks.environments import Environment
from alignn_ff.train.records.record import Record

NAMED = 5
"""Records that a sentence names."""


class DataSet(NamedTuple):
    """One data set with what has been measured of it.

    Attributes:
        name: of the set.
        records: all.
        environments: of each record.
        consistency: of energies, forces and stresses.
    """

    name: str
    records: Sequence[Record]
    environments: Sequence[Environment]
    consistency: Consistency


class Finding(NamedTuple):
    """A result of a check that a user should examine.

    Attributes:
        kind: topic, such as "outlier" or "units of forces".
        sentence: the finding, with numbers and units, and its likely cause.
        records: identifiers of all records concerned, "set/identifier" where there are several sets.
    """

    kind: str
    sentence: str
    records: tuple[str, ...] = ()


def named(records: Sequence[str]) -> str:
    """The first few identifiers, and how many more there are."""
    more = f", … ({len(records)} in all)" if len(records) > NAMED else ""
    return ", ".join(records[:NAMED]) + more
