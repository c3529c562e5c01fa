"""The layout of an H5MD file: its elements, their units, and a new file without frames."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
from ase import Atoms

from alignn_ff import __version__
from alignn_ff.trajectory.quantities import QUANTITIES, QuantityName

if TYPE_CHECKING:
    import h5py

PARTICLES: Final = "particles/all"
CLOCK: Final = f"{PARTICLES}/position"
BOX: Final = f"{PARTICLES}/box/edges"
CHUNK_BYTES: Final = 64 * 1024

UNITS: Final[dict[str, str]] = {
    CLOCK: "Angstrom",
    BOX: "Angstrom",
    "observables/potential_energy": "eV",
    "observables/kinetic_energy": "eV",
    "observables/conserved_energy": "eV",
    "observables/temperature": "K",
    "observables/pressure": "GPa",
    "observables/volume": "Angstrom3",
}
"""Path of each element that every file has → its unit."""


def elements(file: "h5py.File") -> list[str]:
    """Paths of the elements that a file has: those of every file, and the quantities that were chosen."""
    return [*(path for path in UNITS if path in file), *(QUANTITIES[name].element for name in quantities_in(file))]


def quantities_in(file: "h5py.File") -> tuple[QuantityName, ...]:
    """The quantities that a file has."""
    return tuple(name for name, row in QUANTITIES.items() if row.element in file)


def lay_out(file: "h5py.File", atoms: Atoms, quantities: Iterable[QuantityName]) -> None:
    """Groups and empty datasets of a new file; all elements share the steps and times of the positions."""
    head = file.create_group("h5md")
    head.attrs["version"] = np.array([1, 1])
    head.create_group("author").attrs["name"] = "unknown"
    creator = head.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = "alignn-ff", __version__
    head.create_group("modules/units").attrs["version"] = np.array([1, 0])
    box = file.create_group(f"{PARTICLES}/box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = ["periodic" if periodic else "none" for periodic in atoms.pbc]
    file[f"{PARTICLES}/species"] = atoms.numbers
    file[f"{PARTICLES}/mass"] = atoms.get_masses()
    file[f"{PARTICLES}/mass"].attrs["unit"] = "u"
    shapes = {CLOCK: (len(atoms), 3), BOX: (3, 3)}
    for path, unit in UNITS.items():
        _series(file.create_group(path), "value", shapes.get(path, ()), np.float64).attrs["unit"] = unit
    for row in (QUANTITIES[name] for name in quantities):
        value = _series(file.create_group(row.element), "value", row.full_shape(len(atoms)), np.float64)
        value.attrs["unit"] = row.unit
    _series(file[CLOCK], "step", (), np.int64)
    _series(file[CLOCK], "time", (), np.float64).attrs["unit"] = "fs"
    _share_clock(file)


def _share_clock(file: "h5py.File") -> None:
    """Give every element the steps and times of the positions, as hard links."""
    for element in (file[path] for path in elements(file) if path != CLOCK):
        for name in ("step", "time"):
            element[name] = file[CLOCK][name]


def _series(group: "h5py.Group", name: str, shape: tuple[int, ...], dtype: type) -> "h5py.Dataset":
    frames = max(1, min(1024, CHUNK_BYTES // (8 * int(np.prod(shape, dtype=int)) or 8)))
    return group.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(frames, *shape))
