"""Graphs that a device makes by itself are those of the host, followed by padding."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from alignn_ff.graph import AtomicGraph, GraphRecipe, build_graph, find_pairs, system_from_atoms
from alignn_ff.graph.fixed import (
    Capacities,
    FixedList,
    Moved,
    PairTensors,
    Status,
    capacities_for,
    fixed_graph,
    make_fixed_list,
    moved_from,
    pairs_on_device,
)
from alignn_ff.graph.fixed.lists import triplets_on_device
from alignn_ff.graph.line_graph import line_pairs
from alignn_ff.graph.neighbors import radius_pairs
from alignn_ff.testing import NAMES, structure
from alignn_ff.testing.random_structures import EXHAUSTIVE, RandomStructure, random_structures

RECIPE = GraphRecipe(cutoff=4.5, three_body_cutoff=3.2)
NO_ALARMS = torch.zeros(119, 119, dtype=torch.float64)


# the search


@EXHAUSTIVE
@given(random_structures())
def test_the_search_finds_the_pairs_of_the_host_in_their_order(given: RandomStructure) -> None:
    positions, cell, pbc, cutoff = given
    expected = radius_pairs(positions, cell, pbc, cutoff)
    found = pairs_on_device(torch.from_numpy(positions), cell, pbc, cutoff)
    for one, other in zip(found[:3], expected[:3], strict=True):
        assert_array_equal(one.numpy(), other)
    assert_allclose(found.distance.numpy(), expected.distance, rtol=1e-14)


def test_distant_atoms_cost_no_bins() -> None:
    positions = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1e7, 3e6, 0.0]])
    found = pairs_on_device(torch.from_numpy(positions), np.zeros((3, 3)), np.zeros(3, dtype=bool), 5.0)
    assert found.src.tolist() == [1, 0]


def test_keys_that_need_more_than_64_bits_are_sorted_too() -> None:
    """A chain whose atoms are a million cells away from one another."""
    atoms = bulk("Cu", cubic=True)
    atoms.positions += np.array([[3e6, 0, 0], [0, -4e6, 0], [0, 0, 5e6], [7e6, 7e6, 7e6]]) * 3.61
    expected = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 4.0)
    found = pairs_on_device(torch.from_numpy(atoms.positions), atoms.cell.array, atoms.pbc, 4.0)
    for one, other in zip(found[:3], expected[:3], strict=True):
        assert_array_equal(one.numpy(), other)


# the line graph


@pytest.mark.parametrize("back_tracking", [False, True])
@pytest.mark.parametrize("own_image_angles", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_triplets_are_those_of_the_host(name: str, back_tracking: bool, own_image_angles: bool) -> None:
    atoms = structure(name, (14,))
    recipe = RECIPE.model_copy(update={"back_tracking": back_tracking, "own_image_angles": own_image_angles})
    pairs = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 5.0)
    nodes = np.flatnonzero(pairs.distance < 3.5)
    expected = line_pairs(pairs, nodes, len(atoms), back_tracking=back_tracking, own_image_angles=own_image_angles)
    tensors = PairTensors(*(torch.from_numpy(field) for field in pairs))
    found = triplets_on_device(tensors, torch.from_numpy(nodes), len(atoms), recipe)
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one.numpy(), other)


# the graph of a step


def known(atoms: Atoms, *, skin_A: float = 0.8) -> FixedList:
    system = system_from_atoms(atoms)
    cell, pbc = system.cell[0].numpy(), system.pbc[0].numpy()
    return make_fixed_list(system.positions, system.atomic_numbers, cell, pbc, RECIPE, NO_ALARMS, skin_A=skin_A)


def status_of(fixed: FixedList, capacities: Capacities, atoms: Atoms) -> tuple[AtomicGraph, Status]:
    moved = Moved.of(moved_from(fixed, atoms.positions, atoms.cell.array))
    made = fixed_graph(fixed, capacities, RECIPE, moved)
    return made.graph, Status.of(made.status.numpy())


def sized(fixed: FixedList, atoms: Atoms) -> Capacities:
    status = status_of(fixed, Capacities(1, 1, 1, 1), atoms)[1]
    return capacities_for(status.n_edges, status.most_edges, status.n_line_nodes, status.n_triplets)


@EXHAUSTIVE
@given(st.sampled_from(NAMES), st.integers(0, 99), st.sampled_from([0.02, 0.1]), st.sampled_from([0.0, 0.01]))
def test_a_step_makes_the_graph_of_the_host_or_says_that_it_does_not(
    name: str, seed: int, amount: float, strain: float
) -> None:
    random, atoms = np.random.default_rng(seed), structure(name, (1, 8, 14))
    fixed = known(atoms)
    if not len(fixed.pairs.src):
        return
    capacities = sized(fixed, atoms)
    for _ in range(3):
        atoms.rattle(amount, rng=random)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain * random.normal(size=(3, 3))), scale_atoms=True)
        graph, status = status_of(fixed, capacities, atoms)
        if status.reserve_A < 0.0 or not status.fits(capacities):
            continue
        expected = build_graph(system_from_atoms(atoms), RECIPE)
        for field in ("edge_src", "edge_dst", "edge_shift", "line_nodes", "line_src", "line_dst", "atomic_numbers"):
            rows = getattr(expected, field)
            assert_array_equal(getattr(graph, field)[: len(rows)].numpy(), rows.numpy(), err_msg=field)
        sizes = (len(expected.edge_src), len(expected.line_nodes), len(expected.line_src))
        assert (status.n_edges, status.n_line_nodes, status.n_triplets) == sizes


def test_padding_keeps_to_the_order_of_edges_and_to_few_edges_per_atom() -> None:
    atoms = bulk("Si", cubic=True) * (2, 2, 2)
    fixed = known(atoms)
    capacities = sized(fixed, atoms)
    graph, status = status_of(fixed, capacities, atoms)
    assert status.fits(capacities)
    for ascending in (graph.edge_dst, graph.line_nodes, graph.line_dst):
        assert bool((ascending.diff() >= 0).all())
    counts = torch.bincount(graph.edge_dst)
    assert int(counts.max()) <= capacities.per_atom
    padding = torch.arange(capacities.edges) >= status.n_edges
    assert bool((graph.edge_dst[padding] >= len(atoms)).all())
    assert bool(padding[graph.line_nodes[status.n_line_nodes :]].all())
    assert set(graph.line_src[status.n_triplets :].tolist()) <= set(graph.line_nodes[status.n_line_nodes :].tolist())


def test_a_list_is_no_longer_reliable_where_an_atom_came_from_outside_of_it() -> None:
    """A pair that is missing in the list is below the cutoff only where the reserve is gone."""
    atoms = structure("rattled bulk", (14,))
    fixed = known(atoms, skin_A=0.4)
    capacities, random, n_missed = sized(fixed, atoms), np.random.default_rng(1), 0
    for _ in range(40):
        other = atoms.copy()
        other.rattle(0.3, rng=random)
        other.set_cell(
            other.cell.array @ (np.eye(3) - 0.05 * np.eye(3) + 0.02 * random.normal(size=(3, 3))), scale_atoms=True
        )
        _, status = status_of(fixed, capacities, other)
        n_pairs = len(find_pairs(system_from_atoms(other), RECIPE).src)
        assert status.reserve_A < 0.0 or status.n_edges == n_pairs
        n_missed += status.n_edges != n_pairs
    assert n_missed > 0


def test_arrays_that_are_too_small_are_reported_with_what_would_do() -> None:
    atoms = bulk("Si", cubic=True) * (2, 2, 2)
    fixed = known(atoms)
    enough = sized(fixed, atoms)
    _, truth = status_of(fixed, enough, atoms)
    for name in Capacities._fields:
        small = enough._replace(**{name: getattr(enough, name) // 2})
        _, status = status_of(fixed, small, atoms)
        assert status == truth
        assert not status.fits(small)


def test_pairs_below_a_distance_are_counted() -> None:
    atoms = bulk("Si", cubic=True)
    system = system_from_atoms(atoms)
    alarms = torch.zeros(119, 119, dtype=torch.float64)
    alarms[14, 14] = 2.5
    cell, pbc = system.cell[0].numpy(), system.pbc[0].numpy()
    fixed = make_fixed_list(system.positions, system.atomic_numbers, cell, pbc, RECIPE, alarms, skin_A=0.8)
    _, status = status_of(fixed, sized(fixed, atoms), atoms)
    assert status.n_alarms == 8 * 4
    assert status.fewest_edges == status.most_edges == 16
