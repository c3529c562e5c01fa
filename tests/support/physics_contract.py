"""What every force field owes: one class of laws, inherited by the tests of each family and backend.

A subclass (or its module) brings a fixture ``potential`` in float64. Energies are the reported ones.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.geometry import wrap_positions
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from alignn_ff import checkpoint
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.graph import batch_graphs, batch_systems
from alignn_ff.models import predict
from alignn_ff.potential import Potential, load_potential
from tests.support.example_structures import BOND_A, NAMES, PERIODIC, WITH_VOLUME, WITHOUT_VOLUME, structure
from tests.support.finite_differences import (
    FloatArray,
    approach,
    energies,
    forces_by_differences,
    hessian,
    hessian_by_differences,
    stress_by_differences,
)

ROTATION = Rotation.from_rotvec([0.7, -1.1, 0.4]).as_matrix()
MIRROR = ROTATION @ np.diag([1.0, 1.0, -1.0])
UNIMODULAR = {
    (True, True, True): [[1, 1, 0], [0, 1, 0], [2, -1, 1]],
    (True, True, False): [[2, 1, 0], [1, 1, 0], [0, 0, 1]],
}


def example(potential: Potential, name: str) -> Atoms:
    """An example structure made of the model's own elements."""
    return structure(name, potential.header.elements)


def results(potential: Potential, atoms: Atoms) -> tuple[float, FloatArray, FloatArray]:
    """Energy (eV), forces (eV/Å), stress (eV/Å³)."""
    prediction = potential.predict([atoms])[0]
    assert prediction.forces is not None
    assert prediction.stress is not None
    return float(prediction.energy), prediction.forces.numpy(), prediction.stress[0].numpy()


class PhysicsContract:
    """Laws of an energy that depends on where atoms are, not on how they are written down."""

    # derivatives of the reported energy

    @pytest.mark.parametrize("name", NAMES)
    def test_forces_are_minus_the_slope_of_the_reported_energy(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        _, forces, _ = results(potential, atoms)
        assert_allclose(forces, forces_by_differences(potential, atoms), rtol=1e-6, atol=1e-7)

    @pytest.mark.parametrize("name", WITH_VOLUME)
    def test_stress_is_the_strain_slope_of_the_reported_energy(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        _, _, stress = results(potential, atoms)
        assert_allclose(stress, stress_by_differences(potential, atoms), rtol=1e-6, atol=1e-9)
        assert_allclose(stress, stress.T, rtol=0, atol=0)

    def test_derivatives_in_a_batch_are_those_of_each_structure_alone(self, potential: Potential) -> None:
        structures = [example(potential, name) for name in NAMES]
        together = potential.predict(structures, batch_size=len(structures))
        for atoms, prediction in zip(structures, together, strict=True):
            energy, forces, stress = results(potential, atoms)
            assert_allclose(float(prediction.energy), energy, rtol=0, atol=1e-9)
            assert_allclose(prediction.forces.numpy(), forces, rtol=0, atol=1e-9)
            assert_allclose(prediction.stress[0].numpy(), stress, rtol=0, atol=1e-9)

    def test_no_gradient_crosses_from_one_structure_to_another(self, potential: Potential) -> None:
        prepared = [
            potential.prepare(example(potential, name)) for name in ("rattled bulk", "molecule", "skewed tiny cell")
        ]
        system = batch_systems([item.system for item in prepared])
        system = system._replace(positions=system.positions.clone().requires_grad_())
        graph = batch_graphs([item.graph for item in prepared])
        energy = predict(potential.model, system, graph, create_graph=True).energy
        for chosen in range(len(prepared)):
            (gradient,) = torch.autograd.grad(energy[chosen], system.positions, retain_graph=True)
            assert gradient[system.system_idx == chosen].abs().max() > 0
            assert torch.count_nonzero(gradient[system.system_idx != chosen]) == 0

    @pytest.mark.parametrize("name", WITHOUT_VOLUME)
    def test_stress_without_a_volume_does_not_exist(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        energy, forces, stress = results(potential, atoms)
        assert np.isnan(stress).all()
        atoms.calc = AlignnCalculator(potential)
        with pytest.raises(PropertyNotImplementedError, match="needs a volume"):
            atoms.get_stress()
        assert atoms.get_potential_energy() == energy
        assert_allclose(atoms.get_forces(), forces, rtol=0, atol=0)

    @pytest.mark.parametrize("name", NAMES)
    def test_forces_sum_to_zero_and_atomic_energies_to_the_energy(self, potential: Potential, name: str) -> None:
        prediction = potential.predict([example(potential, name)])[0]
        assert_allclose(prediction.forces.sum(0).numpy(), 0.0, atol=1e-9)
        assert_allclose(float(prediction.atomic_energy.sum()), float(prediction.energy), rtol=1e-12)

    # symmetries

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("matrix", [ROTATION, MIRROR], ids=["rotation", "reflection"])
    def test_turned_structure_has_the_same_energy_and_turned_forces(
        self, potential: Potential, name: str, matrix: FloatArray
    ) -> None:
        atoms = example(potential, name)
        turned = Atoms(atoms.numbers, atoms.positions @ matrix.T, cell=atoms.cell.array @ matrix.T, pbc=atoms.pbc)
        energy, forces, stress = results(potential, atoms)
        turned_energy, turned_forces, turned_stress = results(potential, turned)
        assert_allclose(turned_energy, energy, rtol=0, atol=1e-9)
        assert_allclose(turned_forces, forces @ matrix.T, rtol=0, atol=1e-8)
        assert_allclose(turned_stress, matrix @ stress @ matrix.T, rtol=0, atol=1e-8)

    @pytest.mark.parametrize("name", NAMES)
    def test_moved_structure_is_the_same(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        moved = atoms.copy()
        moved.positions += (13.7, -5.1, 2.9)
        self.assert_same(potential, atoms, moved)

    @pytest.mark.parametrize("name", ["rattled bulk", "slab with a cell", "molecule"])
    def test_order_of_atoms_does_not_matter(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        order = np.random.default_rng(3).permutation(len(atoms))
        energy, forces, stress = results(potential, atoms)
        permuted_energy, permuted_forces, permuted_stress = results(potential, atoms[order])
        assert_allclose(permuted_energy, energy, rtol=0, atol=1e-9)
        assert_allclose(permuted_forces, forces[order], rtol=0, atol=1e-9)
        assert_allclose(permuted_stress, stress, rtol=0, atol=1e-9)

    @pytest.mark.parametrize("name", PERIODIC)
    def test_any_periodic_image_of_an_atom_will_do(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        images = np.random.default_rng(4).integers(-3, 4, size=(len(atoms), 3)) * atoms.pbc
        assert images.any()
        shifted = atoms.copy()
        shifted.positions += images @ atoms.cell.array
        self.assert_same(potential, atoms, shifted)

    @pytest.mark.parametrize("name", ["rattled bulk", "skewed tiny cell", "left-handed cell"])
    def test_wrapping_atoms_into_the_cell_changes_nothing(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        wrapped = atoms.copy()
        wrapped.positions = wrap_positions(atoms.positions + 40.0, atoms.cell, pbc=atoms.pbc)
        self.assert_same(potential, atoms, wrapped)

    @pytest.mark.parametrize("name", ["rattled bulk", "skewed tiny cell", "left-handed cell", "one-atom cell"])
    def test_supercell_has_the_same_forces_and_more_energy(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        energy, forces, stress = results(potential, atoms)
        large_energy, large_forces, large_stress = results(potential, atoms * (2, 1, 3))
        assert_allclose(large_energy, 6 * energy, rtol=0, atol=1e-9)
        assert_allclose(large_forces, np.tile(forces, (6, 1)), rtol=0, atol=1e-9)
        assert_allclose(large_stress, stress, rtol=0, atol=1e-9)

    @pytest.mark.parametrize("name", ["rattled bulk", "skewed tiny cell", "left-handed cell", "slab with a cell"])
    def test_other_vectors_of_the_same_lattice_change_nothing(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        same = atoms.copy()
        same.set_cell(np.array(UNIMODULAR[tuple(atoms.pbc.tolist())]) @ atoms.cell.array)
        self.assert_same(potential, atoms, same)

    def test_axis_without_periodicity_may_hold_any_vector(self, potential: Potential) -> None:
        atoms = example(potential, "slab with a cell")
        energy, forces, _ = results(potential, atoms)
        for vector in [(0.0, 0.0, 0.0), (0.0, 0.0, -4.0), tuple(atoms.cell.array[0])]:
            atoms.cell[2] = vector
            other_energy, other_forces, _ = results(potential, atoms)
            assert_allclose(other_energy, energy, rtol=0, atol=1e-9)
            assert_allclose(other_forces, forces, rtol=0, atol=1e-9)

    # smoothness

    @pytest.mark.parametrize("threshold", ["cutoff", "line_cutoff"])
    def test_nothing_jumps_when_an_edge_crosses_a_cutoff(self, potential: Potential, threshold: str) -> None:
        reach = getattr(potential.header.graph, threshold)
        direction = np.zeros((5, 3))
        direction[4] = (1.0, 0.0, 0.0)
        self.assert_smooth(potential, lambda t: crossing_atom(potential, reach + t), direction)

    @pytest.mark.parametrize("angle", [0.0, 180.0])
    def test_nothing_jumps_at_a_straight_angle(self, potential: Potential, angle: float) -> None:
        direction = np.zeros((4, 3))
        direction[2] = (0.0, 1.0, 0.0)
        self.assert_smooth(potential, lambda t: bent_chain(potential, angle, t), direction)

    @pytest.mark.parametrize("angle", [0.0, 180.0])
    def test_second_derivatives_are_right_at_a_straight_angle(self, potential: Potential, angle: float) -> None:
        atoms = bent_chain(potential, angle, 0.0)
        exact = hessian(potential, atoms)
        assert np.isfinite(exact).all()
        assert_allclose(exact, exact.T, rtol=0, atol=1e-9 * np.abs(exact).max())
        scale = np.abs(exact).max()
        wide, narrow, tiny = (
            np.abs(hessian_by_differences(potential, atoms, step_A=step) - exact).max() / scale
            for step in (1e-3, 5e-4, 5e-5)
        )
        assert tiny < 1e-7
        assert narrow < max(1e-7, wide / 8)  # steps wide enough to leave a clamped range, whose error is no power of h

    @pytest.mark.parametrize("name", ["bulk", "one-atom cell", "rattled bulk"])
    def test_second_derivatives_of_a_crystal_are_right(self, potential: Potential, name: str) -> None:
        atoms = example(potential, name)
        exact = hessian(potential, atoms)
        assert np.isfinite(exact).all()
        assert_allclose(exact, hessian_by_differences(potential, atoms), rtol=0, atol=1e-6)

    @pytest.mark.parametrize("beyond_A", [0.0, 1e-9, 0.5])
    def test_atoms_at_or_beyond_the_cutoff_do_not_interact(self, potential: Potential, beyond_A: float) -> None:
        elements = potential.header.elements
        pair = Atoms([elements[0], elements[-1]], [[0, 0, 0], [potential.header.graph.cutoff + beyond_A, 0, 0]])
        free = energies(potential, [Atoms([z], [[0, 0, 0]]) for z in pair.numbers])
        prediction = potential.predict([pair])[0]
        assert_allclose(prediction.atomic_energy.numpy(), free, rtol=0, atol=1e-12)
        assert torch.count_nonzero(prediction.forces) == 0

    # shapes

    @pytest.mark.parametrize("name", ["free atom", "one-atom cell"])
    def test_one_atom_keeps_its_shapes(self, potential: Potential, name: str) -> None:
        prediction = potential.predict([example(potential, name)])[0]
        assert [tuple(t.shape) for t in prediction] == [(1,), (1,), (1, 3), (1, 3, 3)]
        assert {t.dtype for t in prediction} == {torch.float64}
        assert_allclose(prediction.forces.numpy(), 0.0, atol=1e-9)

    # the same model from a file

    def test_saved_model_predicts_the_same_bits(self, potential: Potential, tmp_path: Path) -> None:
        checkpoint.save(tmp_path / "model.pt", potential.header, potential.model.state_dict())
        again = load_potential(tmp_path / "model.pt", device="cpu", dtype="float64", backend=potential.backend)
        assert again.header == potential.header
        for name in ("rattled bulk", "slab with a cell", "molecule", "free atom"):
            for old, new in zip(*(p.predict([example(potential, name)])[0] for p in (potential, again)), strict=True):
                torch.testing.assert_close(new, old, rtol=0, atol=0, equal_nan=True)

    @pytest.mark.gpu
    def test_gpu_predicts_what_the_cpu_does(self, potential: Potential, tmp_path: Path) -> None:
        checkpoint.save(tmp_path / "model.pt", potential.header, potential.model.state_dict())
        gpu = load_potential(tmp_path / "model.pt", device="cuda", dtype="float64")
        structures = [example(potential, name) for name in NAMES]
        for here, there in zip(potential.predict(structures), gpu.predict(structures), strict=True):
            torch.testing.assert_close(tuple(there), tuple(here), rtol=1e-9, atol=1e-9, equal_nan=True)

    # what "the same" and "smooth" mean

    def assert_same(self, potential: Potential, first: Atoms, second: Atoms) -> None:
        """Equal energy, forces and stress, up to rounding."""
        for a, b in zip(results(potential, first), results(potential, second), strict=True):
            assert_allclose(b, a, rtol=0, atol=1e-9)

    def assert_smooth(self, potential: Potential, at: Callable[[float], Atoms], direction: FloatArray) -> None:
        """Energy, forces and dF/dt have equal limits from both sides of t = 0, and their gap closes like t."""
        for name, sides in approach(potential, at, direction).items():
            assert sides.gap < 1e-6 * max(1.0, sides.scale), (name, sides)
            for wide, narrow in itertools.pairwise(sides.closing):
                assert narrow < 0.2 * wide + 1e-9 * max(1.0, sides.scale), (name, sides)


def crossing_atom(potential: Potential, distance_A: float) -> Atoms:
    """Two bonded pairs; the last atom lies ``distance_A`` from the first, and no other pair is near a cutoff."""
    elements = potential.header.elements
    x = distance_A
    positions = [[0, 0, 0], [-0.8, 1.3, 1.0], [0.6 * x, 2.1, 0.4], [x + 0.8, -0.1, 1.7], [x, 0, 0]]
    atoms = Atoms([elements[i % len(elements)] for i in range(5)], positions)
    distances = atoms.get_all_distances()
    distances[0, 4] = distances[4, 0] = 0.0
    recipe = potential.header.graph
    for reach in (recipe.cutoff, recipe.line_cutoff):
        assert np.abs(distances - reach).min() > 0.03, "the scan would cross a cutoff twice"
    return atoms


def bent_chain(potential: Potential, angle: float, offset_A: float) -> Atoms:
    """Three atoms at 0° or 180°, the third moved across the line, and a fourth one off the line."""
    elements = potential.header.elements
    bond = 0.45 * potential.header.graph.line_cutoff if angle == 0.0 else BOND_A
    third = 2.0 * bond if angle == 0.0 else -bond
    positions = [[bond, 0, 0], [0, 0, 0], [third, offset_A, 0], [0.4, -0.3, 2.3]]
    return Atoms([elements[i % len(elements)] for i in range(4)], positions)
