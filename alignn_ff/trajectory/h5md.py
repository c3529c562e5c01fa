"""Trajectories in HDF5 after the H5MD conventions.

de Buyl, Colberg and Höfling, Comput. Phys. Commun. 185, 1546 (2014).

HDF5 files are not safe against a crash. Therefore frames wait in memory and are appended at checkpoints. The file is
open only while frames are appended, in HDF5's single-writer mode, whose order of writes keeps it readable. A killed
process leaves a file that opens as usual and ends with the last checkpoint. If it is killed while it appends, the file
opens with ``swmr=True``, and a restart rewrites it.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import OutputError
from alignn_ff.io import atomic_write
from alignn_ff.trajectory.h5md_layout import BOX, CHUNK_BYTES, CLOCK, elements, lay_out, quantities_in
from alignn_ff.trajectory.h5md_reading import frame_of, need_h5py, open_h5md
from alignn_ff.trajectory.quantities import QUANTITIES, QuantityName
from alignn_ff.trajectory.record_file import disk_failed
from alignn_ff.trajectory.snapshot import Snapshot

if TYPE_CHECKING:
    import h5py

WAITING_BYTES: Final = 64 * 1024 * 1024
"""Largest size of the frames that wait in memory."""


class H5MDFile:
    """An H5MD trajectory that grows at checkpoints.

    Args:
        path: of the file.
        quantities: what frames hold beside positions, cell and energies.
        keep: number of frames of an existing file to keep and to append to; None starts a new file.
    """

    def __init__(self, path: Path, quantities: Sequence[QuantityName], *, keep: int | None = None) -> None:
        need_h5py()
        self._path, self._quantities = path, tuple(dict.fromkeys(quantities))
        self._waiting: list[dict[str, NDArray[np.float64]]] = []
        self._clock: list[tuple[int, float]] = []
        self._n_frames = keep or 0
        if keep:
            _cut(path, keep)
        else:
            path.unlink(missing_ok=True)

    def write(self, snapshot: Snapshot) -> None:
        """Add a frame to those that wait.

        Raises:
            OutputError: the disk is full or failing, when too many frames wait and are appended.
        """
        if self._n_frames == 0 and not self._waiting:
            self._create(snapshot.atoms)
        self._waiting.append(_values(snapshot, self._quantities))
        self._clock.append((snapshot.step, snapshot.time_fs))
        if len(self._waiting) * sum(value.nbytes for value in self._waiting[0].values()) > WAITING_BYTES:
            self.sync()

    def sync(self) -> int:
        """Append the waiting frames and flush them to the disk.

        Returns:
            Number of frames in the file.

        Raises:
            OutputError: the disk is full or failing.
        """
        if self._waiting:
            try:
                _reserve(self._path, self._waiting)
            except OSError as error:
                raise disk_failed(self._path, error) from error
            _append(self._path, self._waiting, self._clock)
            with self._path.open("rb") as file:
                os.fsync(file.fileno())
            self._n_frames += len(self._waiting)
            self._waiting, self._clock = [], []
        return self._n_frames

    def close(self) -> None:
        """Append the waiting frames."""
        self.sync()

    def _create(self, atoms: Atoms) -> None:
        import h5py

        try:
            with h5py.File(self._path, "w", libver="latest") as file:
                lay_out(file, atoms, self._quantities)
        except OSError as error:
            raise disk_failed(self._path, error) from error


def _values(snapshot: Snapshot, quantities: Sequence[QuantityName]) -> dict[str, NDArray[np.float64]]:
    """Path in the file → value of one frame."""
    atoms = snapshot.atoms
    found: dict[str, Any] = {
        CLOCK: atoms.positions,
        BOX: atoms.cell.array,
        "observables/potential_energy": snapshot.potential_eV,
        "observables/kinetic_energy": snapshot.kinetic_eV,
        "observables/conserved_energy": snapshot.conserved_eV,
        "observables/temperature": snapshot.temperature_K,
        "observables/pressure": np.nan if snapshot.pressure_GPa is None else snapshot.pressure_GPa,
        "observables/volume": np.nan if snapshot.volume_A3 is None else snapshot.volume_A3,
    }
    found |= {QUANTITIES[name].element: QUANTITIES[name].of(snapshot) for name in quantities}
    return {name: np.array(value, dtype=np.float64) for name, value in found.items()}


def _reserve(path: Path, frames: Sequence[dict[str, NDArray[np.float64]]]) -> None:
    """Reserve space for frames before HDF5 writes, because its library does not survive a failed write.

    Closing the file releases the space that was not needed.

    Raises:
        OSError: there is no space; the file is unchanged.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    n_bytes = sum(value.nbytes for frame in frames for value in frame.values())
    n_chunks = len(frames[0]) + 2  # one that is not full per element, step and time
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        try:
            os.posix_fallocate(file.fileno(), size, n_bytes + n_chunks * CHUNK_BYTES)
        except OSError:
            file.truncate(size)
            raise


def _append(path: Path, frames: Sequence[dict[str, NDArray[np.float64]]], clock: Sequence[tuple[int, float]]) -> None:
    import h5py

    with h5py.File(path, "r+", libver="latest") as file:
        file.swmr_mode = True
        first = len(file[CLOCK]["step"])
        for name in frames[0]:
            _extend(file[name]["value"], first, np.array([frame[name] for frame in frames]))
        _extend(file[CLOCK]["time"], first, np.array([time for _, time in clock]))
        # steps last: their number is the number of frames
        _extend(file[CLOCK]["step"], first, np.array([step for step, _ in clock]))


def _extend(dataset: "h5py.Dataset", first: int, rows: NDArray[Any]) -> None:
    dataset.resize(first + len(rows), axis=0)
    dataset[first:] = rows
    dataset.flush()


def _cut(path: Path, keep: int) -> None:
    """Rewrite a file with only its first frames.

    Raises:
        OutputError: it has fewer.
    """
    import h5py

    with open_h5md(path) as old:
        present = len(old[CLOCK]["step"])
        if present < keep:
            raise OutputError(f"{path} holds {present} frames, fewer than the {keep} of the restart file")
        with atomic_write(path) as temporary, h5py.File(temporary, "w", libver="latest") as new:
            lay_out(new, frame_of(old, 0), quantities_in(old))
            for name in elements(new):
                _copy_rows(old[name]["value"], new[name]["value"], keep)
            for name in ("step", "time"):
                _copy_rows(old[CLOCK][name], new[CLOCK][name], keep)


def _copy_rows(old: "h5py.Dataset", new: "h5py.Dataset", keep: int) -> None:
    """Copy the first rows, a block of chunks at a time."""
    new.resize(keep, axis=0)
    block = 64 * new.chunks[0]
    for first in range(0, keep, block):
        last = min(first + block, keep)
        new[first:last] = old[first:last]
