"""Trajectories in ASE's binary format: a frame counts once it is whole, so a killed run leaves whole frames."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ase.io.trajectory import Trajectory, TrajectoryReader

from alignn_ff.errors import OutputError
from alignn_ff.io import atomic_write
from alignn_ff.trajectory.extended_xyz import chosen_copy, disk_failed
from alignn_ff.trajectory.quantities import Quantity
from alignn_ff.trajectory.snapshot import Snapshot


class TrajFile:
    """An ASE trajectory that grows by frames.

    Args:
        path: of the file.
        quantities: what frames hold beside positions, cell and energy.
        keep: how many frames of the file that is there stay, in order to go on after them; None begins anew.
    """

    def __init__(self, path: Path, quantities: Sequence[Quantity], *, keep: int | None = None) -> None:
        self._path, self._quantities = path, tuple(quantities)
        if keep is not None:
            _cut(path, keep)
        self._n_frames, self._gave_up = keep or 0, False
        self._writer = Trajectory(path, "w" if keep is None else "a")

    def write(self, snapshot: Snapshot) -> None:
        """Append a frame.

        Raises:
            OutputError: the disk is full or failing; the file ends with the frame before.
        """
        try:
            self._writer.write(chosen_copy(snapshot.atoms, self._quantities))
        except OSError as error:
            self._give_up()
            raise disk_failed(self._path, error) from error
        self._n_frames += 1

    def sync(self) -> int:
        """Put everything on the disk.

        Returns:
            Frames that the file holds.
        """
        try:
            if self._n_frames:
                os.fsync(self._writer.backend.fd.fileno())
        except OSError as error:
            raise disk_failed(self._path, error) from error
        return self._n_frames

    def close(self) -> None:
        """Close."""
        if self._gave_up:
            return
        try:
            self._writer.close()
        except OSError as error:
            raise disk_failed(self._path, error) from error

    def _give_up(self) -> None:
        """Close without the frame that found no room: it does not count yet, so the others stay readable."""
        self._gave_up = True
        with suppress(OSError):
            self._writer.backend.fd.close()


def _cut(path: Path, keep: int) -> None:
    """Write a trajectory anew with its first frames alone.

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
