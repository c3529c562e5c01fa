"""Frames of an H5MD file that this package wrote, also after a killed process."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.trajectory.h5md_layout import BOX, CLOCK, PARTICLES, elements, quantities_in
from alignn_ff.trajectory.quantities import QUANTITIES

if TYPE_CHECKING:
    import h5py


def need_h5py() -> None:
    """Make sure that HDF5 can be written.

    Raises:
        ConfigError: h5py is not installed.
    """
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise ConfigError("the format h5md needs h5py; install it with `pip install 'alignn-ff[hdf5]'`") from error


def iterate_h5md(path: Path) -> Iterator[Atoms]:
    """Frames of an H5MD file that this package wrote, one at a time.

    Raises:
        StructureError: the file is not HDF5, is cut or damaged, or was not written by this package.
    """
    need_h5py()
    index = 0
    try:
        with _opened(path) as (file, n_bytes):
            if PARTICLES not in file:
                raise StructureError(f"{path} has no {PARTICLES}, which H5MD files of this package have")
            n_frames = len(file[CLOCK]["step"])
            n_whole = n_frames if n_bytes is None else min(n_frames, frames_within(file, n_bytes))
            while index < n_whole:
                yield frame_of(file, index)
                index += 1
            if n_whole < n_frames:
                raise StructureError(f"{path} is cut: frame {n_whole} and those after it, of {n_frames}, are not there")
    except StructureError:
        raise
    except Exception as error:  # h5py raises anything on junk
        reason = " ".join(str(error).split())[:200]
        raise StructureError(f"cannot read {path} as HDF5, frame {index}: {type(error).__name__}: {reason}") from error


@contextmanager
def _opened(path: Path) -> "Iterator[tuple[h5py.File, int | None]]":
    """A file to read from, and how many of its bytes are there if its end is missing.

    HDF5 does not open a file that is cut, so a copy of it is made as long as it was.
    """
    try:
        file = open_h5md(path)
    except CutError as error:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "cut.h5"
            shutil.copyfile(path, copy)
            os.truncate(copy, error.whole)
            with open_h5md(copy) as file:
                yield file, path.stat().st_size
        return
    with file:
        yield file, None


def frames_within(file: "h5py.File", n_bytes: int) -> int:
    """Number of the first frames that lie in the first bytes of a file."""
    whole = len(file[CLOCK]["step"])
    for name in (f"{PARTICLES}/species", f"{PARTICLES}/mass"):
        if (file[name].id.get_offset() or 0) + file[name].id.get_storage_size() > n_bytes:
            return 0
    series = [file[CLOCK]["step"], file[CLOCK]["time"], *(file[name]["value"] for name in elements(file))]
    for data in series:
        for number in range(data.id.get_num_chunks()):
            chunk = data.id.get_chunk_info(number)
            if chunk.byte_offset is None or chunk.byte_offset + chunk.size > n_bytes:
                whole = min(whole, int(chunk.chunk_offset[0]))
    return whole


def frame_of(file: "h5py.File", index: int) -> Atoms:
    """One frame, with the results that the file holds."""
    particles = file[PARTICLES]
    pbc = [text == "periodic" for text in particles["box"].attrs["boundary"]]
    atoms = Atoms(particles["species"][()], particles["position/value"][index], cell=file[BOX]["value"][index], pbc=pbc)
    atoms.set_masses(particles["mass"][()])
    atoms.info = {"step": int(file[CLOCK]["step"][index]), "time_fs": float(file[CLOCK]["time"][index])}
    results: dict[str, Any] = {"energy": float(file["observables/potential_energy/value"][index])}
    for row in (QUANTITIES[name] for name in quantities_in(file)):
        row.put_into(atoms, results, file[row.element]["value"][index])
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def open_h5md(path: Path) -> "h5py.File":
    """A file to read from, whether it was closed properly or not.

    Raises:
        OSError: it is not HDF5, or ends before what it says that it holds.
    """
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        cut = re.search(r"stored_eof = (\d+)", str(error))
        if cut is not None:
            raise CutError(path, int(cut[1])) from error
        if "already open" not in str(error):
            raise
    _probe(path)
    return h5py.File(path, "r", libver="latest", swmr=True)


class CutError(OSError):
    """The end of a file is missing.

    Args:
        path: of the file.
        whole: number of bytes that it had.
    """

    def __init__(self, path: Path, whole: int) -> None:
        super().__init__(f"it is cut: {path.stat().st_size:,} bytes of {whole:,} are there")
        self.whole = whole


PROBE: Final = """
import sys, h5py
with h5py.File(sys.argv[1], "r", libver="latest", swmr=True) as file:
    file.visititems(lambda name, found: found[()] if hasattr(found, "shape") else None)
"""

SLOWEST_BYTES_PER_S: Final = 10_000_000


def _probe(path: Path) -> None:
    """Read a file that was not closed in another process first: if it is cut, HDF5 waits without end for the rest.

    Raises:
        OSError: it cannot be read.
    """
    limit_s = 5.0 + path.stat().st_size / SLOWEST_BYTES_PER_S
    try:
        found = subprocess.run(  # noqa: S603 - this program, with a constant
            [sys.executable, "-c", PROBE, str(path)], timeout=limit_s, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"it was not closed, and its end is missing (no answer in {limit_s:.0f} s)") from None
    if found.returncode:
        last = found.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise OSError(f"it was not closed, and cannot be read: {''.join(last) or f'exit code {found.returncode}'}")
