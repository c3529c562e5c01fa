"""Graphs equal those of a search over all images, and their geometry is differentiable."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pydantic import ValidationError

from alignn_ff.errors import StructureError
from alignn_ff.graph import (
    AtomicGraph,
    AtomicSystem,
    GraphRecipe,
    batch_graphs,
    batch_systems,
    bond_cosines,
    build_graph,
    edge_vectors,
    system_from_atoms,
)
from alignn_ff.graph.neighbors import radius_pairs
from alignn_ff.testing import NAMES, structure
from alignn_ff.testing.random_structures import EXHAUSTIVE, RandomStructure, random_structures
from tests.support.brute_force import Edge, all_images, edges_of, reverse

RECIPE = GraphRecipe(cutoff=4.5, three_body_cutoff=3.2)
FloatArray = NDArray[np.float64]


def graph_edges(graph: AtomicGraph) -> list[Edge]:
    return edges_of(graph.edge_src.numpy(), graph.edge_dst.numpy(), graph.edge_shift.numpy())


def atoms_of(given: RandomStructure) -> Atoms:
    return Atoms(np.full(len(given.positions), 14), given.positions, cell=given.cell, pbc=given.pbc)


@EXHAUSTIVE
@given(random_structures())
def test_radius_graph_is_what_brute_force_finds(given: RandomStructure) -> None:
    pairs = radius_pairs(*given)
    edges = edges_of(pairs.src, pairs.dst, pairs.shift)
    expected = all_images(given)
    assert len(edges) == len(set(edges))
    assert set(edges) == set(expected)
    assert_allclose(pairs.distance, [expected[e] for e in edges], rtol=0, atol=1e-9)


@EXHAUSTIVE
@given(random_structures())
def test_every_edge_has_its_reverse_and_edges_are_in_canonical_order(given: RandomStructure) -> None:
    pairs = radius_pairs(*given)
    edges = edges_of(pairs.src, pairs.dst, pairs.shift)
    assert set(edges) == {reverse(e) for e in edges}
    assert edges == sorted(edges, key=lambda e: (e.dst, e.src, e.shift))


@EXHAUSTIVE
@given(random_structures(), st.integers(0, 2**31))
def test_edges_keep_their_order_when_atoms_move_to_other_images(given: RandomStructure, seed: int) -> None:
    """The atoms, vector and position of an edge in the list do not depend on wrapping; its shift does."""
    images = np.random.default_rng(seed).integers(-4, 5, size=given.positions.shape) * given.pbc
    moved = given._replace(positions=given.positions + images @ given.cell)
    all_images(given)
    before, after = radius_pairs(*given), radius_pairs(*moved)
    assert_array_equal(after.src, before.src)
    assert_array_equal(after.dst, before.dst)
    assert_array_equal(after.shift, before.shift + images[before.src] - images[before.dst])
    assert_allclose(after.distance, before.distance, rtol=0, atol=1e-9)


@EXHAUSTIVE
@given(random_structures(), st.floats(0.3, 1.0))
def test_line_graph_is_all_pairs_of_bonds_but_a_bond_and_its_reverse(given: RandomStructure, fraction: float) -> None:
    expected = all_images(given)
    assume(len(expected) < 250)
    assume(min(expected.values(), default=1.0) > 0.01)
    recipe = GraphRecipe(cutoff=given.cutoff, three_body_cutoff=fraction * given.cutoff)
    assume(all(abs(d - recipe.line_cutoff) > 1e-9 for d in expected.values()))
    graph = build_graph(system_from_atoms(atoms_of(given)), recipe)
    edges = graph_edges(graph)
    short = [e for e in edges if expected[e] < recipe.line_cutoff]
    assert [edges[n] for n in graph.line_nodes.tolist()] == short
    triplets = [(edges[a], edges[b]) for a, b in zip(graph.line_src.tolist(), graph.line_dst.tolist(), strict=True)]
    assert len(triplets) == len(set(triplets))
    assert set(triplets) == {(a, b) for a in short for b in short if a.dst == b.src and b != reverse(a)}
    assert graph.line_dst.tolist() == sorted(graph.line_dst.tolist())
    counts = [graph.n_atoms, graph.n_edges, graph.n_line_nodes, graph.n_triplets]
    assert [c.tolist() for c in counts] == [[len(given.positions)], [len(edges)], [len(short)], [len(triplets)]]


def test_pair_at_the_cutoff_is_kept_in_both_directions_or_in_none() -> None:
    """For pairs exactly at the cutoff rounding has the same effect in both directions."""
    atoms = bulk("Si", cubic=True) * (2, 2, 2)
    atoms.positions += np.random.default_rng(0).integers(-3, 4, size=(64, 3)) @ atoms.cell.array
    for cutoff in np.unique(atoms.get_all_distances(mic=True))[1:20]:
        pairs = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, float(cutoff))
        assert pairs.distance.max(initial=0.0) < cutoff
        edges = set(edges_of(pairs.src, pairs.dst, pairs.shift))
        assert edges == {reverse(e) for e in edges}


@pytest.mark.parametrize("name", ["molecule", "slab without height", "wire with a cell"])
def test_atoms_far_away_are_searched_as_fast_as_near_ones(name: str) -> None:
    """Empty space has no cost; matscipy would take minutes for its bins, and warn."""
    atoms = structure(name, (14,))
    near = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 4.5)
    positions = np.concatenate([atoms.positions, atoms.positions])
    positions[len(atoms) :] += 9e6 * ~atoms.pbc
    far = radius_pairs(positions, atoms.cell.array, atoms.pbc, 4.5)
    assert_array_equal(far.src, np.concatenate([near.src, near.src + len(atoms)]))
    assert_array_equal(far.dst, np.concatenate([near.dst, near.dst + len(atoms)]))
    assert_allclose(far.distance, np.tile(near.distance, 2), rtol=0, atol=1e-7)


def test_images_of_an_atom_are_neighbours_of_their_own() -> None:
    graph = build_graph(system_from_atoms(bulk("Si", "fcc", a=3.9)), RECIPE)
    assert graph.n_edges.tolist() == [18]
    assert graph.n_line_nodes.tolist() == [12]
    assert graph.n_triplets.tolist() == [12 * 11]


def test_edge_vectors_point_from_source_to_target_image() -> None:
    atoms = Atoms("Si2", [[0.5, 0, 0], [4.5, 0, 0]], cell=[5, 20, 20], pbc=True)
    graph = build_graph(system_from_atoms(atoms), GraphRecipe(cutoff=2.0))
    assert graph_edges(graph) == [Edge(1, 0, (1, 0, 0)), Edge(0, 1, (-1, 0, 0))]
    assert_allclose(edge_vectors(system_from_atoms(atoms), graph).numpy(), [[1, 0, 0], [-1, 0, 0]], atol=1e-12)


def test_edge_vectors_are_differentiable_in_positions_and_cell() -> None:
    systems = [system_from_atoms(structure(name, (14,))) for name in ("skewed tiny cell", "slab with a cell")]
    system, graph = batch_systems(systems), batch_graphs([build_graph(s, RECIPE) for s in systems])

    def vectors(positions: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
        return edge_vectors(system._replace(positions=positions, cell=cell), graph)

    inputs = (system.positions.requires_grad_(), system.cell.requires_grad_())
    assert torch.autograd.gradcheck(vectors, inputs)
    lengths = torch.linalg.vector_norm(vectors(*inputs), dim=1)
    assert lengths.max() < RECIPE.cutoff


def test_bond_cosine_is_that_of_the_angle_between_the_bonds() -> None:
    atoms = structure("rattled bulk", (14,))
    system = system_from_atoms(atoms)
    graph = build_graph(system, GraphRecipe(cutoff=3.0))
    vectors = edge_vectors(system, graph)
    units = vectors / torch.linalg.vector_norm(vectors, dim=1)[:, None]
    cosines = bond_cosines(units[graph.line_src], units[graph.line_dst])
    for cosine, first, second in zip(cosines.tolist(), graph.line_src, graph.line_dst, strict=True):
        to_i, to_k = -vectors[first].numpy(), vectors[second].numpy()
        angle = np.arctan2(np.linalg.norm(np.cross(to_i, to_k)), to_i @ to_k)
        assert cosine == pytest.approx(np.cos(angle), abs=1e-12)


# batches


def prepared(names: tuple[str, ...]) -> tuple[list[AtomicSystem], list[AtomicGraph]]:
    systems = [system_from_atoms(structure(name, (1, 8, 14))) for name in names]
    return systems, [build_graph(s, RECIPE) for s in systems]


def test_batch_keeps_every_structure_as_it_was() -> None:
    systems, graphs = prepared(NAMES)
    system, graph = batch_systems(systems), batch_graphs(graphs)
    assert_array_equal(graph.system_idx, system.system_idx)
    assert_array_equal(graph.n_atoms, np.bincount(graph.system_idx))
    assert_array_equal(graph.n_edges, np.bincount(graph.system_idx[graph.edge_src], minlength=len(NAMES)))
    assert_array_equal(graph.system_idx[graph.edge_src], graph.system_idx[graph.edge_dst])
    assert_array_equal(graph.edge_dst[graph.line_src], graph.edge_src[graph.line_dst])
    assert_array_equal(np.isin(graph.line_src, graph.line_nodes), True)
    vectors = edge_vectors(system, graph)
    assert_array_equal(vectors, torch.cat([edge_vectors(s, g) for s, g in zip(systems, graphs, strict=True)]))
    first_vectors, second_vectors = [], []
    for s, g in zip(systems, graphs, strict=True):
        first_vectors.append(edge_vectors(s, g)[g.line_src])
        second_vectors.append(edge_vectors(s, g)[g.line_dst])
    assert_array_equal(vectors[graph.line_src], torch.cat(first_vectors))
    assert_array_equal(vectors[graph.line_dst], torch.cat(second_vectors))
    for ids in (graph.edge_dst, graph.line_dst, graph.line_nodes):
        assert_array_equal(ids, np.sort(ids))


def test_batch_of_batches_is_one_batch() -> None:
    systems, graphs = prepared(NAMES[:5])
    nested_system = batch_systems([batch_systems(systems[:2]), batch_systems(systems[2:])])
    nested_graph = batch_graphs([batch_graphs(graphs[:2]), batch_graphs(graphs[2:])])
    for nested, flat in ((nested_system, batch_systems(systems)), (nested_graph, batch_graphs(graphs))):
        for a, b in zip(nested, flat, strict=True):
            assert (a is None and b is None) or torch.equal(a, b)


def test_extra_features_go_with_all_structures_or_with_none() -> None:
    _, graphs = prepared(("molecule", "bulk"))
    rich = [g._replace(extra_features=torch.rand(g.atomic_numbers.shape[0], 2)) for g in graphs]
    assert batch_graphs(rich).extra_features.shape == (14, 2)
    with pytest.raises(StructureError, match="all or to none"):
        batch_graphs([rich[0], graphs[1]])


# structures that make no sense


def test_atoms_at_one_place_are_both_named() -> None:
    atoms = structure("molecule", (14,))
    atoms.positions[4] = atoms.positions[1]
    with pytest.raises(StructureError, match=r"atoms at one place: 4 and 1|atoms at one place: 1 and 4"):
        build_graph(system_from_atoms(atoms), RECIPE)


def test_atom_on_the_image_of_another_is_named() -> None:
    atoms = structure("left-handed cell", (14,))
    atoms.positions[3] = atoms.positions[7] + atoms.cell.array[0] - 2 * atoms.cell.array[1]
    with pytest.raises(StructureError, match="3 and 7"):
        build_graph(system_from_atoms(atoms), RECIPE)


def test_many_atoms_at_one_place_are_counted() -> None:
    atoms = Atoms("Si9", np.zeros((9, 3)))
    with pytest.raises(StructureError, match=r"0 and 1, .* and 31 more pairs"):
        build_graph(system_from_atoms(atoms), RECIPE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_position_that_is_no_number_is_named(value: float) -> None:
    atoms = structure("bulk", (14,))
    atoms.positions[5, 1] = value
    with pytest.raises(StructureError, match=r"positions of atom\(s\) 5 are not finite"):
        system_from_atoms(atoms)


@pytest.mark.parametrize("distance", [1.1e7, 1e200])
def test_atom_that_flew_off_to_nowhere_is_named(distance: float) -> None:
    atoms = structure("molecule", (14,))
    atoms.positions[4, 2] = -distance
    with pytest.raises(StructureError, match=r"atom\(s\) 4 lie more than 1e\+07 Å"):
        system_from_atoms(atoms)


def test_cell_that_is_no_number_is_refused() -> None:
    atoms = Atoms("Si", cell=[np.nan, 3, 3], pbc=False)
    with pytest.raises(StructureError, match="cell"):
        system_from_atoms(atoms)


@pytest.mark.parametrize("cell", [np.zeros((3, 3)), [[4, 0, 0], [8, 0, 0], [0, 0, 4]]])
def test_periodic_structure_needs_lattice_vectors(cell: FloatArray) -> None:
    with pytest.raises(StructureError, match="zero or linearly dependent"):
        system_from_atoms(Atoms("Si", cell=cell, pbc=(True, True, False)))


def test_structure_without_atoms_is_refused() -> None:
    with pytest.raises(StructureError, match="no atoms"):
        system_from_atoms(Atoms())


@pytest.mark.parametrize("number", [0, 119, -2])
def test_atomic_number_that_is_no_element_is_refused(number: int) -> None:
    with pytest.raises(StructureError, match=rf"\[{number}\] are not elements"):
        system_from_atoms(Atoms([14, number], [[0, 0, 0], [2, 0, 0]]))


@pytest.mark.parametrize(
    "fields",
    [
        {"cutoff": 0.0},
        {"neighbor_strategy": "k-nearest"},
        {"neighbor_strategy": "voronoi"},
        {"cutoff_extra": -1.0},
        {"cutoff": float("inf")},
        {"cutoff": 3.0, "three_body_cutoff": 3.1},
        {"max_neighbors": 0},
    ],
)
def test_recipe_that_makes_no_sense_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        GraphRecipe(**fields)


def test_three_body_cutoff_is_the_cutoff_unless_given() -> None:
    assert GraphRecipe(cutoff=4.0).line_cutoff == 4.0
    assert GraphRecipe(cutoff=4.0, three_body_cutoff=2.0).line_cutoff == 2.0
