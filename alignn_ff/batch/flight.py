"""What a flight is: structures of a batch that are computed together in one process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ase import Atoms

from alignn_ff.batch.outcome import Outcome


class Landed(NamedTuple):
    """A structure of a flight that ended.

    Attributes:
        key: that it was added with.
        outcome: or the error of the structure.
        seconds: its share of the time.
    """

    key: int
    outcome: Outcome | Exception
    seconds: float


class Flight(Protocol):
    """Structures that are computed together; each may end at another time."""

    @property
    def n_open(self) -> int:
        """Structures that have not ended."""

    @property
    def has_room(self) -> bool:
        """Whether another structure can be added."""

    def add(self, key: int, atoms: Atoms, config: Any, prefix: Path) -> None:
        """Begin a structure; its errors are raised.

        Args:
            key: of the caller.
            atoms: not modified.
            config: of the flight, with the settings of this structure.
            prefix: of the files that are written of it, if any.
        """

    def advance(self) -> Sequence[Landed]:
        """Make a step of all open structures; those that ended."""

    def close(self) -> None:
        """End what is open, without results."""
