"""Frames of an H5MD file that this package wrote, also after a killed process."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.trajectory.h5md_layout import BOX, CLOCK, PARTICLES, quantities_in
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
    try:
        file = open_h5md(path)
    except OSError as error:
        raise StructureError(f"cannot read {path} as HDF5: {error}") from error
    with file:
        if PARTICLES not in file:
            raise StructureError(f"{path} has no {PARTICLES}, which H5MD files of this package have")
        index = 0
        try:
            n_frames = len(file[CLOCK]["step"])
            while index < n_frames:
                yield frame_of(file, index)
                index += 1
        except Exception as error:  # h5py raises anything on junk
            raise StructureError(
                f"{path}, frame {index} is damaged: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            ) from error


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
        if "already open" not in str(error):
            raise OSError(_in_words(path, error)) from error
    _probe(path)
    return h5py.File(path, "r", libver="latest", swmr=True)


def _in_words(path: Path, error: OSError) -> str:
    cut = re.search(r"stored_eof = (\d+)", str(error))
    if cut is None:
        return str(error)
    return f"it is cut: {path.stat().st_size:,} bytes of {int(cut[1]):,} are there"


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
