"""A Verlet skin changes the cost of a search, never its result."""

from functools import partial

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.md.verlet import VelocityVerlet
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from alignn_ff import AlignnCalculator
from alignn_ff.graph import STRATEGIES, GraphRecipe, NeighborStrategy, VerletSkin, build_graph, system_from_atoms
from alignn_ff.graph.neighbors import NeighborPairs, radius_pairs
from alignn_ff.graph.skin import make_list, reliable_radius
from alignn_ff.testing import NAMES, PERIODIC, structure
from alignn_ff.testing.random_structures import EXHAUSTIVE, RandomStructure, random_structures
from tests.support.tiny_models import ELEMENTS, tiny_header, tiny_potential


def assert_same_pairs(found: NeighborPairs, expected: NeighborPairs) -> None:
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


def moved(given: RandomStructure, amount: float, strain: float, random: np.random.Generator) -> RandomStructure:
    """Displaced, compressed, sheared and drifted; cell vectors of non-periodic axes are unchanged."""
    deformation = (1 - strain) * np.eye(3) + random.normal(scale=0.3 * strain, size=(3, 3))
    cell = np.where(given.pbc[:, None], given.cell @ deformation, given.cell)
    positions = given.positions @ deformation + random.normal(scale=amount, size=given.positions.shape)
    return RandomStructure(positions + random.normal(size=3), cell, given.pbc, given.cutoff)


# any structure, any motion


@EXHAUSTIVE
@given(random_structures(), st.integers(0, 99), st.sampled_from([0.0, 0.02, 0.3]), st.sampled_from([0.0, 0.003, 0.1]))
def test_pairs_do_not_depend_on_the_list(given: RandomStructure, seed: int, amount: float, strain: float) -> None:
    skin, random = VerletSkin(0.8), np.random.default_rng(seed)
    for _ in range(4):
        positions, cell, pbc, cutoff = given
        found = skin.search(positions, cell, pbc)(cutoff)
        assert_same_pairs(found, radius_pairs(positions, cell, pbc, cutoff))
        given = moved(given, amount, strain, random)


@EXHAUSTIVE
@given(random_structures(), st.integers(0, 99), st.sampled_from([0.0, 0.02, 0.3]), st.sampled_from([0.0, 0.03, 0.2]))
def test_list_holds_every_pair_below_its_reliable_radius(
    given: RandomStructure, seed: int, amount: float, strain: float
) -> None:
    positions, cell, pbc, cutoff = given
    listed = make_list(positions, np.where(pbc[:, None], cell, 0.0), pbc, cutoff + 1.0)
    later = moved(given, amount, strain, np.random.default_rng(seed))
    radius = reliable_radius(listed, later.positions, np.where(pbc[:, None], later.cell, 0.0), pbc)
    if radius > 0:
        held = set(map(tuple, np.column_stack([listed.pairs.src, listed.pairs.dst, listed.pairs.shift]).tolist()))
        near = radius_pairs(later.positions, later.cell, pbc, radius)
        assert set(map(tuple, np.column_stack([near.src, near.dst, near.shift]).tolist())) <= held


# graphs and energies


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", NAMES)
def test_graphs_of_every_strategy_do_not_depend_on_the_list(strategy: NeighborStrategy, name: str) -> None:
    recipe = GraphRecipe(
        neighbor_strategy=strategy, cutoff=4.5, three_body_cutoff=3.2, max_neighbors=6, cutoff_extra=1.0
    )
    random, skin, atoms = np.random.default_rng(3), VerletSkin(0.7), structure(name, (14,))
    for step in range(8):
        system = system_from_atoms(atoms)
        for one, other in zip(build_graph(system, recipe, skin=skin), build_graph(system, recipe), strict=True):
            assert one is other is None or torch.equal(one, other)
        atoms.positions += random.normal(scale=0.04, size=atoms.positions.shape)
        if step % 3 == 0:
            atoms.set_cell(atoms.cell.array * random.normal(1.0, 0.01), scale_atoms=True)
    assert skin.n_searches < 8


def test_results_do_not_depend_on_what_was_calculated_before() -> None:
    potential, random = tiny_potential(dtype="float32"), np.random.default_rng(0)
    structures = [structure(name, ELEMENTS) for name in NAMES]
    structures += [Atoms(a) for a in structures]
    for atoms in structures[len(NAMES) :]:
        atoms.positions += random.normal(scale=0.05, size=atoms.positions.shape)
    expected = [AlignnCalculator(potential).get_forces(atoms) for atoms in structures]
    calculator = AlignnCalculator(potential)
    for k in random.permutation(np.tile(np.arange(len(structures)), 2)):
        assert_array_equal(calculator.get_forces(structures[k]), expected[k])


def trajectory(calculator: AlignnCalculator, *, steps: int) -> NDArray[np.float64]:
    atoms = structure("rattled bulk", ELEMENTS)
    atoms.calc = calculator
    atoms.set_momenta(np.random.default_rng(2).normal(scale=5.0, size=(len(atoms), 3)))
    VelocityVerlet(atoms, 2.0 * units.fs).run(steps)
    positions: NDArray[np.float64] = atoms.positions
    return positions


def test_dynamics_is_the_same_to_the_bit_with_and_without_a_skin(monkeypatch: pytest.MonkeyPatch) -> None:
    with_skin = trajectory(AlignnCalculator(tiny_potential()), steps=40)
    potential = tiny_potential()
    monkeypatch.setattr(potential, "prepare", lambda atoms, skin: type(potential).prepare(potential, atoms))
    assert_array_equal(trajectory(AlignnCalculator(potential), steps=40), with_skin)


# when a list serves, and when it does not


def search_of(atoms: Atoms, skin: VerletSkin, cutoff: float = 4.0) -> NeighborPairs:
    return skin.search(atoms.positions, atoms.cell.array, atoms.pbc)(cutoff)


def test_list_serves_small_moves_drift_and_strain() -> None:
    atoms, skin, random = structure("rattled bulk", (14,)), VerletSkin(0.6), np.random.default_rng(1)
    search_of(atoms, skin)
    for _ in range(5):
        atoms.positions += random.uniform(-0.02, 0.02, size=atoms.positions.shape)
        atoms.positions += 3.0
        atoms.set_cell(atoms.cell.array * 1.004, scale_atoms=True)
        search_of(atoms, skin)
    assert skin.n_searches == 1


@pytest.mark.parametrize("change", ["one atom far", "pbc", "number", "cell", "wrapped", "longer cutoff"])
def test_list_does_not_serve_another_structure(change: str) -> None:
    atoms, skin = bulk("Si", cubic=True).repeat((2, 1, 1)), VerletSkin(0.6)
    atoms.positions[0] -= 0.01
    search_of(atoms, skin)
    cutoff = 4.0
    match change:
        case "one atom far":
            atoms.positions[3, 1] += 0.7
        case "pbc":
            atoms.pbc = (True, True, False)
        case "number":
            del atoms[5]
        case "cell":
            atoms.set_cell(atoms.cell.array * 0.8, scale_atoms=True)
        case "wrapped":
            atoms.wrap()
        case "longer cutoff":
            cutoff = 5.0
    expected = partial(radius_pairs, atoms.positions, atoms.cell.array, atoms.pbc)(cutoff)
    assert_same_pairs(search_of(atoms, skin, cutoff), expected)
    assert skin.n_searches == 2


@pytest.mark.parametrize("name", PERIODIC)
def test_exchanged_species_are_noticed_by_the_energy(name: str) -> None:
    atoms = structure(name, (14,))
    atoms.calc = AlignnCalculator(tiny_potential(tiny_header()))
    before = atoms.get_potential_energy()
    atoms.numbers[0] = 8
    fresh = AlignnCalculator(tiny_potential(tiny_header())).get_potential_energy(atoms)
    assert atoms.get_potential_energy() == fresh != before


def test_list_keeps_no_hold_of_the_callers_arrays() -> None:
    atoms, skin = structure("rattled bulk", (14,)), VerletSkin(0.6)
    search_of(atoms, skin)
    atoms.positions[0, 0] += 2.0
    assert_same_pairs(search_of(atoms, skin), radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 4.0))
    assert skin.n_searches == 2
