"""The energy depends on where atoms are, not on how they are written down."""

from typing import Final

import numpy as np
from ase import Atoms
from ase.geometry import wrap_positions
from scipy.spatial.transform import Rotation

from alignn_ff.testing.law import QUICK_STRUCTURES, Figure, Law, Measured, Setting, equal, gap, named
from alignn_ff.testing.structures import NAMES, PERIODIC
from alignn_ff.testing.subjects import FloatArray, Results

ROTATION: Final[FloatArray] = Rotation.from_rotvec([0.7, -1.1, 0.4]).as_matrix()
MIRROR: Final[FloatArray] = ROTATION @ np.diag([1.0, 1.0, -1.0])
UNIMODULAR: Final = {
    (True, True, True): [[1, 1, 0], [0, 1, 0], [2, -1, 1]],
    (True, True, False): [[2, 1, 0], [1, 1, 0], [0, 0, 1]],
}
"""Periodicity → integer combination of the cell vectors that spans the same lattice."""


def _turned(setting: Setting, name: str, matrix: FloatArray) -> Measured:
    atoms, limits = setting.example(name), setting.tolerances
    turned = Atoms(atoms.numbers, atoms.positions @ matrix.T, cell=atoms.cell.array @ matrix.T, pbc=atoms.pbc)
    before, after = setting.results(atoms), setting.results(turned)
    expected = Results(before.energy, before.forces @ matrix.T, matrix @ before.stress @ matrix.T)
    return Measured(equal(after, expected, same=limits.same, turned=limits.turned))


def _moved(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    moved = atoms.copy()
    moved.positions += (13.7, -5.1, 2.9)
    return _unchanged(setting, atoms, moved)


def _permuted(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    order = np.random.default_rng(3).permutation(len(atoms))
    before, after = setting.results(atoms), setting.results(atoms[order])
    expected = before._replace(forces=before.forces[order])
    return Measured(equal(after, expected, same=setting.tolerances.same))


def _images(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    images = np.random.default_rng(4).integers(-3, 4, size=(len(atoms), 3)) * atoms.pbc
    shifted = atoms.copy()
    shifted.positions += images @ atoms.cell.array
    return _unchanged(setting, atoms, shifted)


def _wrapped(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    wrapped = atoms.copy()
    wrapped.positions = wrap_positions(atoms.positions + 40.0, atoms.cell, pbc=atoms.pbc)
    return _unchanged(setting, atoms, wrapped)


def _supercell(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    before, after = setting.results(atoms), setting.results(atoms * (2, 1, 3))
    expected = Results(6 * before.energy, np.tile(before.forces, (6, 1)), before.stress)
    return Measured(equal(after, expected, same=setting.tolerances.same))


def _other_vectors(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    same = atoms.copy()
    periodic = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    same.set_cell(np.array(UNIMODULAR[periodic]) @ atoms.cell.array)
    return _unchanged(setting, atoms, same)


def _free_axis(setting: Setting) -> Measured:
    atoms = setting.example("slab with a cell")
    before = setting.results(atoms)
    vectors = [np.zeros(3), np.array([0.0, 0.0, -4.0])]
    vectors += [atoms.cell.array[0]] if setting.subject.takes_singular_cells else []
    figures: list[Figure] = []
    for vector in vectors:
        atoms.cell[2] = vector
        after = setting.results(atoms)._replace(stress=before.stress)
        figures += equal(after, before, same=setting.tolerances.same)[:2]
    return Measured(tuple(figures))


def _one_atom(setting: Setting, name: str) -> Measured:
    forces = setting.results(setting.example(name)).forces
    return Measured((Figure("forces", gap(forces, np.zeros((1, 3))), setting.tolerances.same, "eV/Å"),))


def _unchanged(setting: Setting, first: Atoms, second: Atoms) -> Measured:
    return Measured(equal(setting.results(second), setting.results(first), same=setting.tolerances.same))


def _is_periodic(atoms: Atoms) -> bool:
    return bool(atoms.pbc.any())


def _is_crystal(atoms: Atoms) -> bool:
    return bool(atoms.pbc.all())


SYMMETRIES: Final[dict[str, Law]] = {
    "turned_structure_has_the_same_energy_and_turned_forces": Law(
        "rotation and reflection",
        "largest difference to the turned results",
        _turned,
        cases={"name": named(NAMES), "matrix": {"rotation": ROTATION, "reflection": MIRROR}},
        quick={"name": QUICK_STRUCTURES},
    ),
    "moved_structure_is_the_same": Law(
        "translation",
        "largest change",
        _moved,
        cases={"name": named(NAMES)},
        quick={"name": QUICK_STRUCTURES},
    ),
    "order_of_atoms_does_not_matter": Law(
        "order of atoms",
        "largest change",
        _permuted,
        cases={"name": named(["rattled bulk", "slab with a cell", "molecule"])},
    ),
    "any_periodic_image_of_an_atom_will_do": Law(
        "periodic images",
        "largest change when atoms move by lattice vectors",
        _images,
        cases={"name": named(PERIODIC)},
        quick={"name": [name for name in QUICK_STRUCTURES if name in PERIODIC]},
        suits=_is_periodic,
    ),
    "wrapping_atoms_into_the_cell_changes_nothing": Law(
        "wrapping into the cell",
        "largest change",
        _wrapped,
        cases={"name": named(["rattled bulk", "skewed tiny cell", "left-handed cell"])},
        suits=_is_periodic,
    ),
    "supercell_has_the_same_forces_and_more_energy": Law(
        "supercell",
        "largest difference to six times the cell",
        _supercell,
        cases={"name": named(["rattled bulk", "skewed tiny cell", "left-handed cell", "one-atom cell"])},
        quick={"name": ["skewed tiny cell", "one-atom cell"]},
        suits=lambda atoms: _is_crystal(atoms) and len(atoms) <= 32,
    ),
    "other_vectors_of_the_same_lattice_change_nothing": Law(
        "other vectors of the same lattice",
        "largest change",
        _other_vectors,
        cases={"name": named(["rattled bulk", "skewed tiny cell", "left-handed cell", "slab with a cell"])},
        suits=_is_crystal,
    ),
    "axis_without_periodicity_may_hold_any_vector": Law(
        "third cell vector of a slab does not matter", "largest change", _free_axis
    ),
    "one_atom_feels_no_force": Law(
        "no force on a single atom",
        "largest force",
        _one_atom,
        cases={"name": named(["free atom", "one-atom cell"])},
        suits=lambda _atoms: False,
    ),
}
"""Rows of the table of laws."""
