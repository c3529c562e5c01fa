"""Models that earlier versions shipped, and what replaced them."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from alignn_ff.choices import nearest


class Retired(NamedTuple):
    """Why a model no longer ships.

    Attributes:
        successor: name of the model that replaced it.
        shipped_until: last version that shipped it.
        reason: what was wrong with it, as a clause.
    """

    successor: str
    shipped_until: str
    reason: str


RETIRED: Final[dict[str, Retired]] = {
    "si-smooth": Retired("si", "0.1.0", "dense silicon fell into holes of its energy, below that of diamond"),
}
"""Name → what replaced it. A name of the user's own zoo goes before it."""


def replaced(name: str) -> str | None:
    """The answer to the name of a retired model; None for any other name."""
    if name not in RETIRED:
        return None
    old = RETIRED[name]
    return (
        f"the model {name!r} was replaced by {old.successor!r}: {old.reason}. Version {old.shipped_until} was the "
        f"last that shipped it; use {old.successor!r}, or give the path of the file of the old one"
    )


def nearest_name(name: str, there: Iterable[str]) -> str:
    """The end of a message about an unknown name: the one that was probably meant, or its successor; or nothing."""
    meant = nearest(name, [*there, *RETIRED])
    if meant is None:
        return ""
    if meant in RETIRED:
        return f"; did you mean {meant!r}, which was replaced by {RETIRED[meant].successor!r}?"
    return f"; did you mean {meant!r}?"
