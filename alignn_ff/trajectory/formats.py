"""The formats of a trajectory: one table, from a name to a file that grows by frames and can go on after a crash."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from alignn_ff.trajectory.ase_traj import TrajFile
from alignn_ff.trajectory.extended_xyz import RecordFile, frame_text
from alignn_ff.trajectory.h5md import H5MDFile
from alignn_ff.trajectory.quantities import FormatName, Quantity
from alignn_ff.trajectory.snapshot import Snapshot


class FrameFile(Protocol):
    """A trajectory that is being written."""

    def write(self, snapshot: Snapshot) -> None:
        """Append a frame."""

    def sync(self) -> int:
        """Put everything on the disk; returns where the file stands, in bytes or frames."""

    def close(self) -> None:
        """Close."""


class ExtxyzFile:
    """Extended XYZ: every frame is in the file as soon as it was written."""

    def __init__(self, path: Path, quantities: Sequence[Quantity], *, keep: int | None = None) -> None:
        self._file, self._quantities = RecordFile(path, keep=keep), tuple(quantities)

    def write(self, snapshot: Snapshot) -> None:
        """Append a frame."""
        self._file.write(
            frame_text(snapshot.atoms, step=snapshot.step, time_fs=snapshot.time_fs, quantities=self._quantities)
        )

    def sync(self) -> int:
        """Put everything on the disk; returns bytes."""
        return self._file.sync()

    def close(self) -> None:
        """Close."""
        self._file.close()


class Opener(Protocol):
    """Opens a trajectory, anew or after what is to be kept of it."""

    def __call__(self, path: Path, quantities: Sequence[Quantity], *, keep: int | None = None) -> FrameFile:
        """The file, ready for the next frame."""


class Format(NamedTuple):
    """One format.

    Attributes:
        suffix: of its files.
        open: opens one.
    """

    suffix: str
    open: Opener


FORMATS: Final[dict[FormatName, Format]] = {
    "extxyz": Format(".extxyz", ExtxyzFile),
    "traj": Format(".traj", TrajFile),
    "h5md": Format(".h5", H5MDFile),
}
"""Name → format."""
