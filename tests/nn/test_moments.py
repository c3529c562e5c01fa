"""Moments: harmonics with the addition theorem, rotations, reverse edges, and channels summed before bonds."""

import pytest
import torch
from ase.build import bulk, molecule

from alignn_ff.graph import GraphRecipe, batch_graphs, batch_systems, build_graph, edge_vectors, system_from_atoms
from alignn_ff.nn import BondBasis, MomentGates, MomentInvariants, make_directions, make_edges, reverse_edges
from alignn_ff.nn.harmonics import order_slices, quadrupole_matrix, solid_harmonics


def directions(n: int, seed: int = 0) -> torch.Tensor:
    drawn = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn / torch.linalg.vector_norm(drawn, dim=1, keepdim=True)


def rotation() -> torch.Tensor:
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    return q


def legendre(x: torch.Tensor) -> list[torch.Tensor]:
    return [x, 1.5 * x**2 - 0.5, 2.5 * x**3 - 1.5 * x]


def test_harmonics_obey_the_addition_theorem():
    u, v = directions(50), directions(50, seed=1)
    one, other = solid_harmonics(u, 3), solid_harmonics(v, 3)
    for order, expected in zip(order_slices(3), legendre((u * v).sum(1)), strict=True):
        torch.testing.assert_close((one[:, order] * other[:, order]).sum(1), expected)


def test_the_matrix_of_order_two_turns_with_the_directions_and_keeps_the_norm():
    u, turn = directions(20), rotation()
    matrix = quadrupole_matrix(solid_harmonics(u, 2)[:, 3:8, None]).squeeze(-1)
    turned = quadrupole_matrix(solid_harmonics(u @ turn.T, 2)[:, 3:8, None]).squeeze(-1)
    torch.testing.assert_close(turned, turn @ matrix @ turn.T)
    torch.testing.assert_close(matrix.diagonal(dim1=-2, dim2=-1).sum(-1), torch.zeros(20, dtype=torch.float64))
    torch.testing.assert_close((matrix**2).sum((-1, -2)), torch.ones(20, dtype=torch.float64))


@pytest.mark.parametrize("max_moment", [1, 2, 3])
def test_invariants_do_not_change_when_the_surroundings_turn_or_are_reflected(max_moment):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        invariants = MomentInvariants(8, 4, max_moment).double()
        weights = torch.randn(6, 4, dtype=torch.float64)
    u, turn = directions(6), rotation()

    def moments(units):
        return torch.einsum("ek,em->mk", weights, solid_harmonics(units, max_moment))[None]

    expected = invariants(moments(u))
    torch.testing.assert_close(invariants(moments(u @ turn.T)), expected)
    torch.testing.assert_close(invariants(moments(-u)), expected)


def graph_of(*structures):
    systems = [system_from_atoms(atoms) for atoms in structures]
    recipe = GraphRecipe(cutoff=4.0, three_body_cutoff=3.0)
    return batch_systems(systems), batch_graphs([build_graph(system, recipe) for system in systems])


def test_the_reverse_of_an_edge_leads_back_along_the_same_line():
    copper = bulk("Cu", cubic=True)
    copper.rattle(0.1, seed=1)
    system, graph = graph_of(copper, molecule("CH3CH2OH"), bulk("Si"))
    n_atoms = len(graph.atomic_numbers)
    reverse = reverse_edges(graph.edge_src, graph.edge_dst, graph.edge_shift, n_atoms)
    vectors = edge_vectors(system, graph)
    torch.testing.assert_close(vectors[reverse], -vectors)
    assert torch.equal(reverse[reverse], torch.arange(len(reverse)))


def test_gates_are_the_moments_of_both_ends_along_the_bond():
    system, graph = graph_of(bulk("Si", cubic=True))
    n_atoms, channels, features = len(graph.atomic_numbers), 3, 5
    vectors = edge_vectors(system, graph)
    unit = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    bonds, harmonics = make_edges(graph.edge_src, graph.edge_dst, n_atoms), solid_harmonics(unit, 2)
    basis = BondBasis(torch.empty(0), torch.empty(0), harmonics, harmonics)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gates = MomentGates(features, channels, 2).double()
        moments = torch.randn(n_atoms, 8, channels, dtype=torch.float64)
    found = gates(moments, make_directions(basis, bonds, graph.edge_shift, 2))
    expected = torch.zeros_like(found)
    for order, mix in zip(order_slices(2), gates.ends, strict=True):
        own = (moments[graph.edge_dst][:, order] * solid_harmonics(unit, 2)[:, order, None]).sum(1)
        other = (moments[graph.edge_src][:, order] * solid_harmonics(-unit, 2)[:, order, None]).sum(1)
        expected = expected + own @ mix[:, :features] + other @ mix[:, features:]
    torch.testing.assert_close(found, expected)
