"""Standard deviations from the last layer of a model, evaluated as the model is written.

In: a model whose file holds what its training data tell of the last layer. Out: deviations of energies, at the cost of
a pass without derivatives; and where they are asked for of forces and stress, at that of a backward pass per input of
the last layer, which is exact and needs the memory of one backward pass, and three numbers per atom and input.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from alignn_ff.graph import AtomicGraph, AtomicSystem, Spread, edge_vectors
from alignn_ff.models import EnergyModel
from alignn_ff.models.derivatives import forces_from_edges, stress_from_edges
from alignn_ff.nn import scatter_sum


def has_last_layer(model: EnergyModel) -> bool:
    """Whether a model, or each member of a committee, has a matrix of its last layer."""
    return all(member.last_layer is not None for member in model.members)


def last_layer_spread(
    model: EnergyModel, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool = False
) -> Spread:
    """Deviations of energies, and if asked for of forces and stress; of a committee the mean over its members.

    Args:
        model: one that :func:`has_last_layer`.
        system, graph: one structure or several, on the device of the model.
        derivatives: also of forces and stress.
    """
    spread = _of_energies(model, system, graph)
    if not derivatives:
        return spread
    found = [_of_derivatives(member, system, graph) for member in model.members]
    forces, stress = (torch.stack(parts).mean(0) for parts in zip(*found, strict=True))
    return spread._replace(forces=forces, stress=stress)


def derivatives_along(
    model: EnergyModel, system: AtomicSystem, graph: AtomicGraph, axes: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Forces and stress of the energies whose weights in the last layer are the columns of a matrix, one by one.

    Args:
        model: one model, with a linear last layer.
        system, graph: one structure or several, on the device of the model.
        axes: (n_features, n) columns of weights; None: each input of the layer by itself.

    Yields:
        (n_atoms, 3) in 1/Å and (n_systems, 3, 3) in 1/Å³, NaN without a volume: of inputs, which have no unit.
    """
    with torch.enable_grad():
        vectors = edge_vectors(system, graph).detach().requires_grad_()
        inputs = features_of(model, graph, vectors).sum(0)
        energies = inputs if axes is None else inputs @ axes
    for energy in energies.unbind():
        (gradient,) = torch.autograd.grad(energy, vectors, retain_graph=True, materialize_grads=True)
        yield forces_from_edges(gradient, graph), stress_from_edges(gradient, vectors.detach(), graph, system.cell)


def derivative_rows(model: EnergyModel, system: AtomicSystem, graph: AtomicGraph) -> tuple[Tensor, Tensor]:
    """Derivatives of every input of the last layer, summed over all atoms.

    Args:
        model: one model, with a linear last layer.
        system, graph: one structure or several, on the device of the model.

    Returns:
        (n_atoms, 3, n_features) of forces, and (n_systems, 9, n_features) of the stress, NaN without a volume; float64.
    """
    forces, stress = zip(*derivatives_along(model, system, graph), strict=True)
    return torch.stack(forces, -1), torch.stack(stress, -1).flatten(1, 2)


def _of_derivatives(model: EnergyModel, system: AtomicSystem, graph: AtomicGraph) -> tuple[Tensor, Tensor]:
    """Deviations of the forces, (n_atoms,) eV/Å, and of the stress, (n_systems,) eV/Å³, of one model."""
    assert model.last_layer is not None
    return model.last_layer.derivative_deviations(*derivative_rows(model, system, graph))


@torch.no_grad()
def _of_energies(model: EnergyModel, system: AtomicSystem, graph: AtomicGraph) -> Spread:
    """Deviations of energies; of a committee the mean over its members."""
    vectors, n_atoms = edge_vectors(system, graph), graph.n_atoms.double()
    energies, atoms = [], []
    for member in model.members:
        assert member.last_layer is not None
        features = features_of(member, graph, vectors)
        rows = torch.cat([means_of(features, graph), features])
        of_means, of_atoms = member.last_layer.deviations(rows).split([n_atoms.shape[0], features.shape[0]])
        energies.append(of_means * n_atoms)
        atoms.append(of_atoms)
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
