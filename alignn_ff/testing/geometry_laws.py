"""Laws of an energy that depends on where atoms are, not on how they are written down.

They need energies, forces and stress of structures only, so they hold for every force field.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

import numpy as np
from ase import Atoms
from ase.geometry import wrap_positions
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from alignn_ff.testing.cases import Contract, for_each
from alignn_ff.testing.differences import forces_by_differences, stress_by_differences
from alignn_ff.testing.structures import NAMES, PERIODIC, WITH_VOLUME, WITHOUT_VOLUME, structure
from alignn_ff.testing.subjects import FloatArray, Results, Subject, assert_same

ROTATION: Final[FloatArray] = Rotation.from_rotvec([0.7, -1.1, 0.4]).as_matrix()
MIRROR: Final[FloatArray] = ROTATION @ np.diag([1.0, 1.0, -1.0])
UNIMODULAR: Final = {
    (True, True, True): [[1, 1, 0], [0, 1, 0], [2, -1, 1]],
    (True, True, False): [[2, 1, 0], [1, 1, 0], [0, 0, 1]],
}
"""Periodicity → integer combination of the cell vectors that spans the same lattice."""

Potential = TypeVar("Potential")


class Tolerances(NamedTuple):
    """How far two numbers may differ; the defaults are for float64.

    Attributes:
        same: absolute, energies in eV, forces in eV/Å and stress in eV/Å³ that should be equal.
        turned: absolute, forces and stress after a rotation.
        relative: of forces and stress to finite differences.
        forces: absolute, of forces to finite differences, eV/Å.
        stress: absolute, of stress to finite differences, eV/Å³.
    """

    same: float = 1e-9
    turned: float = 1e-8
    relative: float = 1e-6
    forces: float = 1e-7
    stress: float = 1e-9


class GeometryLaws(Contract, ABC, Generic[Potential]):
    """The laws, for whatever a fixture ``potential`` gives."""

    tolerances: ClassVar[Tolerances] = Tolerances()

    @abstractmethod
    def subject(self, potential: Potential) -> Subject:
        """What the laws ask for numbers."""

    def example(self, potential: Potential, name: str) -> Atoms:
        """An example structure made of the potential's own elements."""
        return structure(name, self.subject(potential).elements)

    def unusual_vectors(self, atoms: Atoms) -> list[tuple[float, float, float]]:  # noqa: ARG002
        """Further cell vectors that an axis without periodicity may hold."""
        return []

    def results(self, potential: Potential, atoms: Atoms) -> Results:
        """Energy, forces and stress of one structure."""
        return self.subject(potential).results([atoms])[0]

    def assert_same(self, potential: Potential, first: Atoms, second: Atoms) -> None:
        """Equal energy, forces and stress, up to rounding."""
        before, after = self.results(potential, first), self.results(potential, second)
        assert_same(after, before, atol=self.tolerances.same)

    @for_each(name=NAMES)
    def test_forces_are_minus_the_slope_of_the_reported_energy(self, potential: Potential, name: str) -> None:
        """Forces equal finite differences of the energy."""
        atoms, limits = self.example(potential, name), self.tolerances
        measured = forces_by_differences(self.subject(potential), atoms)
        assert_allclose(self.results(potential, atoms).forces, measured, rtol=limits.relative, atol=limits.forces)

    @for_each(name=WITH_VOLUME)
    def test_stress_is_the_strain_slope_of_the_reported_energy(self, potential: Potential, name: str) -> None:
        """Stress equals finite differences of the energy under strain, and is symmetric."""
        atoms, limits = self.example(potential, name), self.tolerances
        stress = self.results(potential, atoms).stress
        measured = stress_by_differences(self.subject(potential), atoms)
        assert_allclose(stress, measured, rtol=limits.relative, atol=limits.stress)
        assert_allclose(stress, stress.T, rtol=0, atol=0)

    @for_each(name=WITHOUT_VOLUME)
    def test_no_stress_is_reported_without_a_volume(self, potential: Potential, name: str) -> None:
        """There is no stress, rather than a number, where the cell has no volume."""
        assert np.isnan(self.results(potential, self.example(potential, name)).stress).all()

    @for_each(name=NAMES)
    def test_forces_sum_to_zero(self, potential: Potential, name: str) -> None:
        """No net force."""
        forces = self.results(potential, self.example(potential, name)).forces
        assert_allclose(forces.sum(axis=0), 0.0, atol=self.tolerances.same)

    @for_each(name=NAMES, matrix={"rotation": ROTATION, "reflection": MIRROR})
    def test_turned_structure_has_the_same_energy_and_turned_forces(
        self, potential: Potential, name: str, matrix: FloatArray
    ) -> None:
        """Rotation and reflection."""
        atoms, limits = self.example(potential, name), self.tolerances
        turned = Atoms(atoms.numbers, atoms.positions @ matrix.T, cell=atoms.cell.array @ matrix.T, pbc=atoms.pbc)
        before, after = self.results(potential, atoms), self.results(potential, turned)
        assert_allclose(after.energy, before.energy, rtol=0, atol=limits.same)
        assert_allclose(after.forces, before.forces @ matrix.T, rtol=0, atol=limits.turned)
        assert_allclose(after.stress, matrix @ before.stress @ matrix.T, rtol=0, atol=limits.turned)

    @for_each(name=NAMES)
    def test_moved_structure_is_the_same(self, potential: Potential, name: str) -> None:
        """Translation."""
        atoms = self.example(potential, name)
        moved = atoms.copy()
        moved.positions += (13.7, -5.1, 2.9)
        self.assert_same(potential, atoms, moved)

    @for_each(name=["rattled bulk", "slab with a cell", "molecule"])
    def test_order_of_atoms_does_not_matter(self, potential: Potential, name: str) -> None:
        """Permutation."""
        atoms = self.example(potential, name)
        order = np.random.default_rng(3).permutation(len(atoms))
        before, after = self.results(potential, atoms), self.results(potential, atoms[order])
        expected = before._replace(forces=before.forces[order])
        assert_same(after, expected, atol=self.tolerances.same)

    @for_each(name=PERIODIC)
    def test_any_periodic_image_of_an_atom_will_do(self, potential: Potential, name: str) -> None:
        """Lattice translations of single atoms."""
        atoms = self.example(potential, name)
        images = np.random.default_rng(4).integers(-3, 4, size=(len(atoms), 3)) * atoms.pbc
        assert images.any()
        shifted = atoms.copy()
        shifted.positions += images @ atoms.cell.array
        self.assert_same(potential, atoms, shifted)

    @for_each(name=["rattled bulk", "skewed tiny cell", "left-handed cell"])
    def test_wrapping_atoms_into_the_cell_changes_nothing(self, potential: Potential, name: str) -> None:
        """Wrapping."""
        atoms = self.example(potential, name)
        wrapped = atoms.copy()
        wrapped.positions = wrap_positions(atoms.positions + 40.0, atoms.cell, pbc=atoms.pbc)
        self.assert_same(potential, atoms, wrapped)

    @for_each(name=["rattled bulk", "skewed tiny cell", "left-handed cell", "one-atom cell"])
    def test_supercell_has_the_same_forces_and_more_energy(self, potential: Potential, name: str) -> None:
        """Repetition of the cell."""
        atoms = self.example(potential, name)
        before, after = self.results(potential, atoms), self.results(potential, atoms * (2, 1, 3))
        expected = Results(6 * before.energy, np.tile(before.forces, (6, 1)), before.stress)
        assert_same(after, expected, atol=self.tolerances.same)

    @for_each(name=["rattled bulk", "skewed tiny cell", "left-handed cell", "slab with a cell"])
    def test_other_vectors_of_the_same_lattice_change_nothing(self, potential: Potential, name: str) -> None:
        """Choice of the cell vectors."""
        atoms = self.example(potential, name)
        same = atoms.copy()
        periodic = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
        same.set_cell(np.array(UNIMODULAR[periodic]) @ atoms.cell.array)
        self.assert_same(potential, atoms, same)

    def test_axis_without_periodicity_may_hold_any_vector(self, potential: Potential) -> None:
        """The third vector of a slab."""
        atoms = self.example(potential, "slab with a cell")
        before = self.results(potential, atoms)
        for vector in [(0.0, 0.0, 0.0), (0.0, 0.0, -4.0), *self.unusual_vectors(atoms)]:
            atoms.cell[2] = vector
            after = self.results(potential, atoms)
            assert_allclose(after.energy, before.energy, rtol=0, atol=self.tolerances.same)
            assert_allclose(after.forces, before.forces, rtol=0, atol=self.tolerances.same)

    @for_each(name=["free atom", "one-atom cell"])
    def test_one_atom_feels_no_force(self, potential: Potential, name: str) -> None:
        """A single atom, free or repeated."""
        forces = self.results(potential, self.example(potential, name)).forces
        assert forces.shape == (1, 3)
        assert_allclose(forces, 0.0, atol=self.tolerances.same)
