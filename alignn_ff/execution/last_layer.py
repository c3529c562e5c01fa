"""Standard deviations of energies from the last layer of a model, evaluated as the model is written.

In: a model whose file holds what its training data tell of the last layer. Out: deviations of energies; there are none
of forces and stress.
"""

import torch
from torch import Tensor

from alignn_ff.graph import AtomicGraph, AtomicSystem, Spread, edge_vectors
from alignn_ff.models import EnergyModel
from alignn_ff.nn import scatter_sum


def has_last_layer(model: EnergyModel) -> bool:
    """Whether a model, or each member of a committee, has a matrix of its last layer."""
    return all(member.last_layer is not None for member in model.members)


@torch.no_grad()
def last_layer_spread(model: EnergyModel, system: AtomicSystem, graph: AtomicGraph) -> Spread:
    """Deviations of energies; of a committee the mean over its members.

    Args:
        model: one that :func:`has_last_layer`.
        system, graph: one structure or several, on the device of the model.
    """
    vectors, n_atoms = edge_vectors(system, graph), graph.n_atoms.double()
    energies, atoms = [], []
    for member in model.members:
        assert member.last_layer is not None
        features = features_of(member, graph, vectors)
        energies.append(member.last_layer.deviations(means_of(features, graph)) * n_atoms)
        atoms.append(member.last_layer.deviations(features))
    return Spread(torch.stack(energies).mean(0), torch.stack(atoms).mean(0))


def features_of(model: EnergyModel, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
    """(n_atoms, n_features) inputs of the last layer, float64."""
    features = model.last_layer_features(graph, edge_vectors)
    assert features is not None
    return features.double()


def means_of(features: Tensor, graph: AtomicGraph) -> Tensor:
    """(n_systems, n_features) means over the atoms of each structure."""
    n_atoms = graph.n_atoms.double()[:, None]
    return scatter_sum(features, graph.system_idx, graph.n_atoms.shape[0]) / n_atoms
