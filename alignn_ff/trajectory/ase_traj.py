"""Trajectories in ASE's binary format: a frame counts once it is complete, so a killed run leaves whole frames."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ase import Atoms
from ase.io.trajectory import Trajectory, TrajectoryReader

from alignn_ff.errors import OutputError
from alignn_ff.io import Source, atomic_write
from alignn_ff.io.structures.formats import frames_of
from alignn_ff.trajectory.frame_copy import chosen_copy
from alignn_ff.trajectory.quantities import QuantityName
from alignn_ff.trajectory.record_file import disk_failed
from alignn_ff.trajectory.snapshot import Snapshot


class TrajFile:
    """An ASE trajectory that grows by frames.

    Args:
        path: of the file.
        quantities: what frames hold beside positions, cell and energy.
        keep: number of frames of an existing file to keep and to append to; None starts a new file.
    """

    def __init__(self, path: Path, quantities: Sequence[QuantityName], *, keep: int | None = None) -> None:
        self._path, self._quantities = path, tuple(quantities)
        if keep is not None:
            _cut(path, keep)
        self._n_frames, self._failed = keep or 0, False
        self._writer = Trajectory(path, "w" if keep is None else "a")

    def write(self, snapshot: Snapshot) -> None:
        """Append a frame.

        Raises:
            OutputError: the disk is full or failing; the file ends with the previous frame.
        """
        try:
            self._writer.write(chosen_copy(snapshot.atoms, self._quantities))
        except OSError as error:
            self._close_without_last_frame()
            raise disk_failed(self._path, error) from error
        self._n_frames += 1

    def sync(self) -> int:
        """Flush everything to the disk.

        Returns:
            Number of frames in the file.
        """
        try:
            if self._n_frames:
                os.fsync(self._writer.backend.fd.fileno())
        except OSError as error:
            raise disk_failed(self._path, error) from error
        return self._n_frames

    def close(self) -> None:
        """Close."""
        if self._failed:
            return
        try:
            self._writer.close()
        except OSError as error:
            raise disk_failed(self._path, error) from error

    def _close_without_last_frame(self) -> None:
        """Close without the incomplete frame: it does not count yet, so the others are readable."""
        self._failed = True
        with suppress(OSError):
            self._writer.backend.fd.close()


def iterate_traj(path: Path) -> Iterator[Atoms]:
    """Frames of a file, one at a time.

    Raises:
        StructureError: the file is not an ASE trajectory, is empty, or a frame is damaged.
    """
    for frame in frames_of(Source(path, format="traj")):
        yield frame.parse()


def _cut(path: Path, keep: int) -> None:
    """Rewrite a trajectory with only its first frames.

    Raises:
        OutputError: it has fewer.
    """
    if keep == 0:
        path.unlink(missing_ok=True)
        return
    with TrajectoryReader(path) as frames:
        if len(frames) < keep:
            raise OutputError(f"{path} holds {len(frames)} frames, fewer than the {keep} of the restart file")
        if len(frames) == keep:
            return
        with atomic_write(path) as temporary, Trajectory(temporary, "w") as writer:
            for index in range(keep):
                writer.write(frames[index])
