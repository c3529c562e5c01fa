"""How an H5MD file is laid out: its elements, their units, and a new file without frames."""

from typing import TYPE_CHECKING, Final

import numpy as np
from ase import Atoms

from alignn_ff import __version__
from alignn_ff.trajectory.quantities import Quantity

if TYPE_CHECKING:
    import h5py

PARTICLES: Final = "particles/all"
CLOCK: Final = f"{PARTICLES}/position"
BOX: Final = f"{PARTICLES}/box/edges"
CHUNK_BYTES: Final = 64 * 1024

UNITS: Final[dict[str, str]] = {
    CLOCK: "Angstrom",
    BOX: "Angstrom",
    f"{PARTICLES}/velocity": "Angstrom fs-1",
    f"{PARTICLES}/force": "eV Angstrom-1",
    f"{PARTICLES}/potential_energy": "eV",
    "observables/stress": "eV Angstrom-3",
    "observables/potential_energy": "eV",
    "observables/kinetic_energy": "eV",
    "observables/conserved_energy": "eV",
    "observables/temperature": "K",
    "observables/pressure": "GPa",
    "observables/volume": "Angstrom3",
}
"""Path of each element in the file → its unit."""


PATHS: Final[dict[Quantity, str]] = {
    "velocities": f"{PARTICLES}/velocity",
    "forces": f"{PARTICLES}/force",
    "stress": "observables/stress",
    "atomic_energies": f"{PARTICLES}/potential_energy",
}
"""Quantity → path of its element."""


def lay_out(file: "h5py.File", atoms: Atoms, quantities: frozenset[Quantity]) -> None:
    """Groups and empty datasets of a new file; every element shares the steps and times of the positions."""
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
    shapes = {
        CLOCK: (len(atoms), 3),
        BOX: (3, 3),
        PATHS["velocities"]: (len(atoms), 3),
        PATHS["forces"]: (len(atoms), 3),
        PATHS["stress"]: (3, 3),
        PATHS["atomic_energies"]: (len(atoms),),
    }
    left_out = {path for name, path in PATHS.items() if name not in quantities}
    for name in UNITS.keys() - left_out:
        _series(file.create_group(name), "value", shapes.get(name, ()), np.float64).attrs["unit"] = UNITS[name]
    _series(file[CLOCK], "step", (), np.int64)
    _series(file[CLOCK], "time", (), np.float64).attrs["unit"] = "fs"
    _share_clock(file)


def _share_clock(file: "h5py.File") -> None:
    """Let every element have the steps and times of the positions, as hard links."""
    for element in (file[name] for name in UNITS if name in file and name != CLOCK):
        for name in ("step", "time"):
            element[name] = file[CLOCK][name]


def _series(group: "h5py.Group", name: str, shape: tuple[int, ...], dtype: type) -> "h5py.Dataset":
    frames = max(1, min(1024, CHUNK_BYTES // (8 * int(np.prod(shape, dtype=int)) or 8)))
    return group.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(frames, *shape))
