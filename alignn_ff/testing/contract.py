"""The physics contract of a force field of this package, and of any ASE calculator.

A test class inherits a contract and brings a fixture ``potential``; pytest then runs every law.
:func:`~alignn_ff.testing.cases.broken_laws` runs them without pytest.
"""

import itertools
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from numpy.testing import assert_allclose, assert_raises_regex

from alignn_ff import checkpoint
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.graph import batch_graphs, batch_systems
from alignn_ff.models import predict
from alignn_ff.potential import Potential, load_potential
from alignn_ff.testing.cases import for_each
from alignn_ff.testing.differences import (
    Quantities,
    approach,
    energies,
    energy_forces_slope,
    hessian,
    hessian_by_differences,
)
from alignn_ff.testing.geometry_laws import GeometryLaws
from alignn_ff.testing.scans import bent_chain, crossing_atom
from alignn_ff.testing.structures import NAMES, WITHOUT_VOLUME
from alignn_ff.testing.subjects import CalculatorSubject, FloatArray, PotentialSubject, assert_same


class PotentialContract(GeometryLaws[Potential]):
    """Laws of every potential of this package; ``potential`` gives one in float64."""

    def subject(self, potential: Potential) -> PotentialSubject:
        """See :class:`GeometryLaws`."""
        return PotentialSubject(potential)

    def unusual_vectors(self, atoms: Atoms) -> list[tuple[float, float, float]]:
        """One that makes the cell singular."""
        x, y, z = atoms.cell.array[0].tolist()
        return [(x, y, z)]

    def test_derivatives_in_a_batch_are_those_of_each_structure_alone(self, potential: Potential) -> None:
        """A batch of all examples equals one structure at a time."""
        structures = [self.example(potential, name) for name in NAMES]
        together = PotentialSubject(potential, batch_size=len(structures)).results(structures)
        for atoms, in_batch in zip(structures, together, strict=True):
            assert_same(in_batch, self.results(potential, atoms), atol=self.tolerances.same)

    def test_no_gradient_crosses_from_one_structure_to_another(self, potential: Potential) -> None:
        """The energy of a structure in a batch depends on its own positions only."""
        names = ("rattled bulk", "molecule", "skewed tiny cell")
        prepared = [potential.prepare(self.example(potential, name)) for name in names]
        system = batch_systems([item.system for item in prepared])
        system = system._replace(positions=system.positions.clone().requires_grad_())
        graph = batch_graphs([item.graph for item in prepared])
        energy = predict(potential.model, system, graph, create_graph=True).energy
        for chosen in range(len(prepared)):
            (gradient,) = torch.autograd.grad(energy[chosen], system.positions, retain_graph=True)
            assert gradient[system.system_idx == chosen].abs().max() > 0
            assert torch.count_nonzero(gradient[system.system_idx != chosen]) == 0

    @for_each(name=WITHOUT_VOLUME)
    def test_stress_without_a_volume_does_not_exist(self, potential: Potential, name: str) -> None:
        """ASE gets an error for the stress, and energy and forces as usual."""
        atoms = self.example(potential, name)
        expected = self.results(potential, atoms)
        atoms.calc = AlignnCalculator(potential)
        with assert_raises_regex(PropertyNotImplementedError, "needs a volume"):
            atoms.get_stress()
        assert atoms.get_potential_energy() == expected.energy
        assert_allclose(atoms.get_forces(), expected.forces, rtol=0, atol=0)

    @for_each(name=NAMES)
    def test_atomic_energies_sum_to_the_energy(self, potential: Potential, name: str) -> None:
        """One energy, in parts or as a whole."""
        prediction = potential.predict([self.example(potential, name)])[0]
        assert_allclose(float(prediction.atomic_energy.sum()), float(prediction.energy), rtol=1e-12)

    @for_each(beyond_A=[0.0, 1e-9, 0.5])
    def test_atoms_at_or_beyond_the_cutoff_do_not_interact(self, potential: Potential, beyond_A: float) -> None:
        """Two atoms at the cutoff have the energies of free atoms."""
        elements = potential.header.elements
        pair = Atoms([elements[0], elements[-1]], [[0, 0, 0], [potential.header.graph.cutoff + beyond_A, 0, 0]])
        free = energies(potential, [Atoms([z], [[0, 0, 0]]) for z in pair.numbers])
        prediction = potential.predict([pair])[0]
        assert prediction.forces is not None
        assert_allclose(prediction.atomic_energy.numpy(), free, rtol=0, atol=1e-12)
        assert torch.count_nonzero(prediction.forces) == 0

    @for_each(name=["free atom", "one-atom cell"])
    def test_one_atom_keeps_its_shapes(self, potential: Potential, name: str) -> None:
        """Shapes and dtypes do not collapse."""
        prediction = potential.predict([self.example(potential, name)])[0]
        tensors = (prediction.energy, prediction.atomic_energy, prediction.forces, prediction.stress)
        assert [None if t is None else tuple(t.shape) for t in tensors] == [(1,), (1,), (1, 3), (1, 3, 3)]
        assert {None if t is None else t.dtype for t in tensors} == {torch.float64}

    def test_saved_model_predicts_the_same_bits(self, potential: Potential) -> None:
        """The same model from a file."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.pt"
            checkpoint.save(file, potential.header, potential.model.state_dict())
            again = load_potential(file, device="cpu", dtype="float64", backend=potential.backend)
        assert again.header == potential.header
        for name in ("rattled bulk", "slab with a cell", "molecule", "free atom"):
            both = (each.predict([self.example(potential, name)])[0] for each in (potential, again))
            for old, new in zip(*both, strict=True):
                torch.testing.assert_close(new, old, rtol=0, atol=0, equal_nan=True)


class PhysicsContract(PotentialContract):
    """All laws, with those of smooth energies; ``potential`` gives one in float64."""

    @for_each(threshold=["cutoff", "line_cutoff"])
    def test_nothing_jumps_when_an_edge_crosses_a_cutoff(self, potential: Potential, threshold: str) -> None:
        """Energy, forces and their slope are continuous at both cutoffs."""
        recipe = potential.header.graph
        reach = {"cutoff": recipe.cutoff, "line_cutoff": recipe.line_cutoff}[threshold]
        direction = np.zeros((5, 3))
        direction[4] = (1.0, 0.0, 0.0)
        assert_closing(lambda t: energy_forces_slope(potential, crossing_atom(potential, reach + t), direction))

    @for_each(angle=[0.0, 180.0])
    def test_nothing_jumps_at_a_straight_angle(self, potential: Potential, angle: float) -> None:
        """Energy, forces and their slope are continuous where a bond angle is 0° or 180°."""
        direction = np.zeros((4, 3))
        direction[2] = (0.0, 1.0, 0.0)
        assert_closing(lambda t: energy_forces_slope(potential, bent_chain(potential, angle, t), direction))

    @for_each(angle=[0.0, 180.0])
    def test_second_derivatives_are_right_at_a_straight_angle(self, potential: Potential, angle: float) -> None:
        """The Hessian equals finite differences of the forces, with an error that falls like a power of the step."""
        atoms = bent_chain(potential, angle, 0.0)
        exact = hessian(potential, atoms)
        assert np.isfinite(exact).all()
        assert_allclose(exact, exact.T, rtol=0, atol=1e-9 * np.abs(exact).max())
        scale = np.abs(exact).max()
        wide, narrow, tiny = (
            np.abs(hessian_by_differences(self.subject(potential), atoms, step_A=step) - exact).max() / scale
            for step in (1e-3, 5e-4, 5e-5)
        )
        assert tiny < 1e-7
        assert narrow < max(1e-7, wide / 8)  # steps wide enough to leave a clamped range, whose error is no power of h

    @for_each(name=["bulk", "one-atom cell", "rattled bulk"])
    def test_second_derivatives_of_a_crystal_are_right(self, potential: Potential, name: str) -> None:
        """The Hessian equals finite differences of the forces."""
        atoms = self.example(potential, name)
        exact = hessian(potential, atoms)
        assert np.isfinite(exact).all()
        assert_allclose(exact, hessian_by_differences(self.subject(potential), atoms), rtol=0, atol=1e-6)


class CalculatorContract(GeometryLaws[Calculator]):
    """Laws of any ASE calculator; ``potential`` gives one, and a subclass states its elements.

    Attributes:
        elements: atomic numbers that the calculator covers.
        cutoff_A: where its pair interactions end, if energy and forces should be continuous there; None skips that law.
    """

    elements: ClassVar[tuple[int, ...]]
    cutoff_A: ClassVar[float | None] = None

    def subject(self, potential: Calculator) -> CalculatorSubject:
        """See :class:`GeometryLaws`."""
        return CalculatorSubject(potential, self.elements)

    def test_nothing_jumps_when_an_atom_crosses_the_cutoff(self, potential: Calculator) -> None:
        """Energy and forces of a pair are continuous at the cutoff."""
        if self.cutoff_A is None:
            raise unittest.SkipTest("cutoff_A is None")
        reach, numbers = self.cutoff_A, [self.elements[0], self.elements[-1]]

        def quantities(t: float) -> dict[str, FloatArray]:
            found = self.results(potential, Atoms(numbers, [[0, 0, 0], [reach + t, 0, 0]]))
            return {"energy": np.array([found.energy]), "forces": found.forces}

        assert_closing(quantities)


def assert_closing(quantities: Quantities) -> None:
    """Quantities have equal limits from both sides of t = 0, and their gap closes like t."""
    for name, sides in approach(quantities).items():
        limit = max(1.0, sides.scale)
        assert sides.gap < 1e-6 * limit, (name, sides)
        for wide, narrow in itertools.pairwise(sides.closing):
            assert narrow < 0.2 * wide + 1e-9 * limit, (name, sides)
