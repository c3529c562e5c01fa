"""What a survey of data finds: a sentence, and the records that it is about."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal[
    "duplicates",
    "contradiction",
    "leak",
    "outlier",
    "short bond",
    "net force",
    "units of energy",
    "units of forces",
    "units of stress",
    "offset of stress",
    "noise",
]

NAMED = 5
"""Records that a sentence names."""


class Finding(NamedTuple):
    """Something that a user should look at.

    Attributes:
        kind: what it is about.
        sentence: what was found, with numbers and units, and what it may mean.
        records: identifiers, "set/identifier" where there are several sets; all that are concerned.
    """

    kind: Kind
    sentence: str
    records: tuple[str, ...] = ()


def named(records: Sequence[str]) -> str:
    """The first few identifiers, and how many more there are."""
    more = f", … ({len(records)} in all)" if len(records) > NAMED else ""
    return ", ".join(records[:NAMED]) + more
