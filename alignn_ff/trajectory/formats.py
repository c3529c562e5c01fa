"""The formats of a trajectory: one table, from a name to the functions that write and read it.

A file grows by frames, and can be cut back to an earlier length and continued after a crash.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Protocol

from ase import Atoms

from alignn_ff.choices import KeyOf
from alignn_ff.trajectory.ase_traj import TrajFile, iterate_traj
from alignn_ff.trajectory.extended_xyz import ExtxyzFile, iterate_extxyz
from alignn_ff.trajectory.h5md import H5MDFile
from alignn_ff.trajectory.h5md_reading import iterate_h5md
from alignn_ff.trajectory.quantities import QuantityName
from alignn_ff.trajectory.snapshot import Snapshot


class FrameFile(Protocol):
    """A trajectory that is being written."""

    def write(self, snapshot: Snapshot) -> None:
        """Append a frame."""

    def sync(self) -> int:
        """Flush everything to the disk; returns the length of the file, in bytes or frames."""

    def close(self) -> None:
        """Close."""


class Opener(Protocol):
    """Opens a trajectory for writing: a new one, or an existing one that is cut back to ``keep`` and continued."""

    def __call__(self, path: Path, quantities: Sequence[QuantityName], *, keep: int | None = None) -> FrameFile:
        """The file, ready for the next frame."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        suffix: of the files that are written.
        open: opens a file for writing.
        read: path of an existing file → its whole frames, one at a time.
        counts_bytes: whether lengths (``sync``, ``keep``) are in bytes; otherwise they are numbers of frames.
        help: what the format is good for.
        also_reads: further suffixes of files that ``read`` can read.
    """

    suffix: str
    open: Opener
    read: Callable[[Path], Iterator[Atoms]]
    counts_bytes: bool
    help: str
    also_reads: tuple[str, ...] = ()


FORMATS: Final[dict[str, Format]] = {
    "extxyz": Format(
        ".extxyz",
        ExtxyzFile,
        iterate_extxyz,
        counts_bytes=True,
        help="extended XYZ: text, with step and time of each frame",
        also_reads=(".xyz",),
    ),
    "traj": Format(".traj", TrajFile, iterate_traj, counts_bytes=False, help="ASE's binary format, full precision"),
    "h5md": Format(".h5", H5MDFile, iterate_h5md, counts_bytes=False, help="HDF5 (H5MD), full precision; needs h5py"),
}
"""Name → format."""

FormatName = Annotated[str, KeyOf(FORMATS)]


def format_of(path: Path) -> Format | None:
    """The format that reads a file with this suffix; None if there is none."""
    suffix = path.suffix.lower()
    rows = (row for row in FORMATS.values() if suffix in (row.suffix, *row.also_reads))
    return next(rows, None)
