"""One structure of a file, before it is parsed."""

from collections.abc import Callable
from typing import NamedTuple

from ase import Atoms

from alignn_ff.errors import StructureError


class Frame(NamedTuple):
    """One structure of a file.

    Attributes:
        place: in the file, from 0.
        where: file and frame, for messages.
        parse: gives its atoms; raises :class:`StructureError` where the frame is damaged.
    """

    place: int
    where: str
    parse: Callable[[], Atoms]


class TornEndError(StructureError):
    """A file ends inside a frame, as that of a killed run does; the frames before are whole."""
