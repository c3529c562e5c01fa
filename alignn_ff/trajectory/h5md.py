"""Trajectories in HDF5 after the H5MD conventions.

de Buyl, Colberg and Höfling, Comput. Phys. Commun. 185, 1546 (2014).

HDF5 files are not safe against a crash as such. Here frames wait in memory and are appended at checkpoints, the file
being open for that moment alone, in HDF5's single-writer mode whose order of writes keeps it readable throughout.
A killed process thus leaves a file that opens as usual, up to the last checkpoint; one killed in the very moment of
appending leaves a file that opens with ``swmr=True`` and that a restart writes anew.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError, OutputError, StructureError
from alignn_ff.io import atomic_write
from alignn_ff.trajectory.extended_xyz import disk_failed
from alignn_ff.trajectory.h5md_layout import BOX, CHUNK_BYTES, CLOCK, PARTICLES, PATHS, UNITS, lay_out
from alignn_ff.trajectory.quantities import Quantity
from alignn_ff.trajectory.snapshot import Snapshot

if TYPE_CHECKING:
    import h5py

WAITING_BYTES: Final = 64 * 1024 * 1024
"""Frames wait in memory up to this size."""


class H5MDFile:
    """An H5MD trajectory that grows at checkpoints.

    Args:
        path: of the file.
        quantities: what frames hold beside positions, cell and energies.
        keep: how many frames of the file that is there stay, in order to go on after them; None begins anew.
    """

    def __init__(self, path: Path, quantities: Sequence[Quantity], *, keep: int | None = None) -> None:
        need_h5py()
        self._path, self._quantities = path, frozenset(quantities)
        self._waiting: list[dict[str, NDArray[np.float64]]] = []
        self._clock: list[tuple[int, float]] = []
        self._n_frames = keep or 0
        if keep:
            _cut(path, keep)
        else:
            path.unlink(missing_ok=True)

    def write(self, snapshot: Snapshot) -> None:
        """Take a frame in.

        Raises:
            OutputError: the disk is full or failing, when many frames were waiting.
        """
        if self._n_frames == 0 and not self._waiting:
            self._create(snapshot.atoms)
        self._waiting.append(_elements(snapshot, self._quantities))
        self._clock.append((snapshot.step, snapshot.time_fs))
        if len(self._waiting) * sum(value.nbytes for value in self._waiting[0].values()) > WAITING_BYTES:
            self.sync()

    def sync(self) -> int:
        """Append what waits and put it on the disk.

        Returns:
            Frames that the file holds.

        Raises:
            OutputError: the disk is full or failing.
        """
        if self._waiting:
            try:
                _reserve(self._path, sum(value.nbytes for frame in self._waiting for value in frame.values()))
            except OSError as error:
                raise disk_failed(self._path, error) from error
            _append(self._path, self._waiting, self._clock)
            with self._path.open("rb") as file:
                os.fsync(file.fileno())
            self._n_frames += len(self._waiting)
            self._waiting, self._clock = [], []
        return self._n_frames

    def close(self) -> None:
        """Append what waits."""
        self.sync()

    def _create(self, atoms: Atoms) -> None:
        import h5py

        try:
            with h5py.File(self._path, "w", libver="latest") as file:
                lay_out(file, atoms, self._quantities)
        except OSError as error:
            raise disk_failed(self._path, error) from error


def need_h5py() -> None:
    """Make sure that HDF5 can be written.

    Raises:
        ConfigError: h5py is not installed.
    """
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise ConfigError("the format h5md needs h5py; install it by `pip install 'alignn-ff[hdf5]'`") from error


def iterate_h5md(path: Path) -> Iterator[Atoms]:
    """Frames of an H5MD file that this package wrote, one at a time.

    Raises:
        StructureError: the file is missing or no such file.
    """
    need_h5py()
    if not path.is_file():
        raise StructureError(f"no such trajectory: {path}")
    try:
        file = _open_to_read(path)
    except OSError as error:
        raise StructureError(f"cannot read {path} as HDF5: {error}") from error
    with file:
        if PARTICLES not in file:
            raise StructureError(f"{path} holds no {PARTICLES}, as H5MD files of this package do")
        for index in range(len(file[CLOCK]["step"])):
            yield _frame(file, index)


def _frame(file: "h5py.File", index: int) -> Atoms:
    particles = file[PARTICLES]
    pbc = [text == "periodic" for text in particles["box"].attrs["boundary"]]
    atoms = Atoms(particles["species"][()], particles["position/value"][index], cell=file[BOX]["value"][index], pbc=pbc)
    atoms.set_masses(particles["mass"][()])
    atoms.info = {"step": int(file[CLOCK]["step"][index]), "time_fs": float(file[CLOCK]["time"][index])}
    if "velocity" in particles:
        atoms.set_velocities(particles["velocity/value"][index] / units.fs)
    results: dict[str, Any] = {"energy": float(file["observables/potential_energy/value"][index])}
    for name, group in (("forces", "force"), ("energies", "potential_energy")):
        if group in particles:
            results[name] = particles[group]["value"][index]
    if "observables/stress" in file and np.isfinite(file["observables/stress/value"][index]).all():
        results["stress"] = full_3x3_to_voigt_6_stress(file["observables/stress/value"][index])
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def _elements(snapshot: Snapshot, quantities: frozenset[Quantity]) -> dict[str, NDArray[np.float64]]:
    """Path in the file → value of one frame."""
    atoms = snapshot.atoms
    results = getattr(atoms.calc, "results", {})
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
    stress = results.get("stress")
    chosen: dict[Quantity, Any] = {
        "velocities": atoms.get_velocities() * units.fs,
        "forces": snapshot.forces_eV_per_A,
        "stress": np.full((3, 3), np.nan) if stress is None else voigt_6_to_full_3x3_stress(stress),
        "atomic_energies": results.get("energies", np.full(len(atoms), np.nan)),
    }
    found |= {PATHS[name]: chosen[name] for name in quantities}
    return {name: np.array(value, dtype=np.float64) for name, value in found.items()}


def _reserve(path: Path, n_bytes: int) -> None:
    """Make sure of room before HDF5 writes, for its library does not survive a write that fails.

    Closing the file gives back what was too much.

    Raises:
        OSError: there is no room; the file is as it was.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        try:
            os.posix_fallocate(file.fileno(), size, n_bytes + len(UNITS) * CHUNK_BYTES)
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
        _extend(file[CLOCK]["step"], first, np.array([step for step, _ in clock]))  # last: a frame counts by its step


def _extend(dataset: "h5py.Dataset", first: int, rows: NDArray[Any]) -> None:
    dataset.resize(first + len(rows), axis=0)
    dataset[first:] = rows
    dataset.flush()


def _open_to_read(path: Path) -> "h5py.File":
    """A file to read from, be it closed properly or not."""
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError:
        return h5py.File(path, "r", libver="latest", swmr=True)


def _cut(path: Path, keep: int) -> None:
    """Write a file anew with its first frames alone.

    Raises:
        OutputError: it has fewer.
    """
    import h5py

    with _open_to_read(path) as old:
        present = len(old[CLOCK]["step"])
        if present < keep:
            raise OutputError(f"{path} holds {present} frames, fewer than the {keep} of the restart file")
        with atomic_write(path) as temporary, h5py.File(temporary, "w", libver="latest") as new:
            lay_out(new, _frame(old, 0), _quantities(old))
            for name in UNITS:
                if name in new:
                    _copy_rows(old[name]["value"], new[name]["value"], keep)
            for name in ("step", "time"):
                _copy_rows(old[CLOCK][name], new[CLOCK][name], keep)


def _quantities(file: "h5py.File") -> frozenset[Quantity]:
    """The quantities that a file holds."""
    return frozenset(name for name, path in PATHS.items() if path in file)


def _copy_rows(old: "h5py.Dataset", new: "h5py.Dataset", keep: int) -> None:
    """Copy the first rows, a block of chunks at a time."""
    new.resize(keep, axis=0)
    block = 64 * new.chunks[0]
    for first in range(0, keep, block):
        last = min(first + block, keep)
        new[first:last] = old[first:last]
