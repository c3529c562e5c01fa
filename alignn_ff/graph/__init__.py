"""Atoms as graphs: containers, neighbour search, line graph, batching, differentiable geometry."""

from alignn_ff.graph.build import (
    COINCIDENT_A,
    batch_graphs,
    batch_systems,
    build_graph,
    find_pairs,
    graph_of_many,
    graph_of_pairs,
    system_from_atoms,
    with_extra_features,
)
from alignn_ff.graph.census import GraphSize, expected_size, graph_size, size_by_density
from alignn_ff.graph.containers import AtomicGraph, AtomicSystem, Spread, TensorPrediction
from alignn_ff.graph.geometry import bond_cosines, edge_vectors
from alignn_ff.graph.published import published_recipe
from alignn_ff.graph.recipe import GraphRecipe, NeighborStrategy
from alignn_ff.graph.skin import SKIN_A, VerletSkin
from alignn_ff.graph.strategies import STRATEGIES, Strategy
from alignn_ff.graph.transfer import (
    counted_for,
    graph_to,
    most_edges,
    prediction_to_host,
    spread_to_host,
    system_to,
    tensors_to_host,
)

__all__ = [
    "COINCIDENT_A",
    "SKIN_A",
    "STRATEGIES",
    "AtomicGraph",
    "AtomicSystem",
    "GraphRecipe",
    "GraphSize",
    "NeighborStrategy",
    "Spread",
    "Strategy",
    "TensorPrediction",
    "VerletSkin",
    "batch_graphs",
    "batch_systems",
    "bond_cosines",
    "build_graph",
    "counted_for",
    "edge_vectors",
    "expected_size",
    "find_pairs",
    "graph_of_many",
    "graph_of_pairs",
    "graph_size",
    "graph_to",
    "most_edges",
    "prediction_to_host",
    "published_recipe",
    "size_by_density",
    "spread_to_host",
    "system_from_atoms",
    "system_to",
    "tensors_to_host",
    "with_extra_features",
]
