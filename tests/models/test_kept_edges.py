"""Edges that a model leaves out: the smaller graph is as consistent as one built with a shorter cutoff."""

import pytest
import torch

from alignn_ff.graph import GraphRecipe, batch_graphs, build_graph, graph_size, system_from_atoms
from alignn_ff.graph.geometry import edge_vectors
from alignn_ff.models.published.heads import keep_edges
from alignn_ff.testing import NAMES, structure

WIDE, NARROW = GraphRecipe(cutoff=4.5), GraphRecipe(cutoff=3.0)
ELEMENTS = (14, 8)


def kept(name: str) -> tuple:
    system = system_from_atoms(structure(name, ELEMENTS))
    graph = build_graph(system, WIDE)
    short = torch.linalg.vector_norm(edge_vectors(system, graph), dim=1) < NARROW.cutoff
    return keep_edges(graph, torch.nonzero(short).squeeze(1)), build_graph(system, NARROW), graph, short


@pytest.mark.parametrize("name", NAMES)
def test_the_kept_graph_is_the_one_of_the_shorter_cutoff(name: str) -> None:
    found, expected, _, _ = kept(name)
    for field, tensor in expected._asdict().items():
        if tensor is not None:
            assert torch.equal(getattr(found, field), tensor), field


def test_counts_per_structure_are_those_of_the_kept_edges() -> None:
    parts = [kept(name) for name in NAMES]
    graph = batch_graphs([whole for _, _, whole, _ in parts])
    found = keep_edges(graph, torch.nonzero(torch.cat([short for *_, short in parts])).squeeze(1))
    expected = batch_graphs([narrow for _, narrow, _, _ in parts])
    for field in ("n_atoms", "n_edges", "n_line_nodes", "n_triplets"):
        assert torch.equal(getattr(found, field), getattr(expected, field)), field
    assert graph_size(found) == graph_size(expected)
