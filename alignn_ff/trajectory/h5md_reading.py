"""Frames of an H5MD file that this package wrote, also after a killed process."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        StructureError: the file is not HDF5, or was not written by this package.
    """
    need_h5py()
    try:
        file = open_h5md(path)
    except OSError as error:
        raise StructureError(f"cannot read {path} as HDF5: {error}") from error
    with file:
        if PARTICLES not in file:
            raise StructureError(f"{path} has no {PARTICLES}, which H5MD files of this package have")
        for index in range(len(file[CLOCK]["step"])):
            yield frame_of(file, index)


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
    """A file to read from, whether it was closed properly or not."""
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError:
        return h5py.File(path, "r", libver="latest", swmr=True)
