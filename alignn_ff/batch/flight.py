"""What a flight is: structures of a batch that are computed together in one process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ase import Atoms

from alignn_ff.batch.outcome import Outcome
from alignn_ff.runs.landed import Landed


class HasOpen(Protocol):
    """Open structures, whatever becomes of them."""

    @property
    def n_open(self) -> int:
        """Structures that have not ended."""

    @property
    def has_room(self) -> bool:
        """Whether another structure can be added."""


Inner = TypeVar("Inner", bound=HasOpen)


class Around(Generic[Inner]):
    """What stands around a flight, and has its open structures."""

    def __init__(self, flight: Inner) -> None:
        self._flight = flight

    @property
    def n_open(self) -> int:
        """Structures that have not ended."""
        return self._flight.n_open

    @property
    def has_room(self) -> bool:
        """Whether another structure can be added."""
        return self._flight.has_room


class Flight(HasOpen, Protocol):
    """Structures that are computed together; each may end at another time."""

    def add(self, key: int, atoms: Atoms, config: Any, prefix: Path) -> None:
        """Begin a structure; its errors are raised.

        Args:
            key: of the caller.
            atoms: not modified.
            config: of the flight, with the settings of this structure.
            prefix: of the files that are written of it, if any.
        """

    def advance(self) -> Sequence[Landed[Outcome]]:
        """Make a step of all open structures; those that ended."""

    def close(self) -> None:
        """End what is open, without results."""
