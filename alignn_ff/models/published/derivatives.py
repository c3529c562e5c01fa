"""Forces and stress as the published training computes them, where that is not the derivative of the energy.

For training runs whose config asks for it, and for comparisons with the published code. Everything else uses
``derivatives.predict``, whose forces are derivatives of the energy. With g_e = ∂E/∂r_e, f_e = factor·g_e:

    forces_i = Σ_{e: dst=i} f_e − Σ_{e: src=i} f_e        (the second sum only with add_reverse_forces)
    stress   = −(1/V)·Σ_e r_e ⊗ f_e · stress_multiplier   (not symmetrised)

Unlike the published code, nothing here mixes structures of a batch, except the stress where batch_stress is false.
"""

import torch
from torch import Tensor

from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction, edge_vectors
from alignn_ff.models.base import EnergyModel, Heads
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.models.published.atomwise_config import TrainingForces
from alignn_ff.nn import count_rows, scatter_sum


def predict_as_published(
    model: EnergyModel,
    system: AtomicSystem,
    graph: AtomicGraph,
    *,
    derivatives: bool = True,
    create_graph: bool = False,
    vectors: Tensor | None = None,
) -> TensorPrediction:
    """Energy, and what the published training compares with forces and stress.

    Args:
        model: of a published family.
        system: positions and cell.
        graph: of the same atoms.
        derivatives: also forces and stress.
        create_graph: keep them differentiable, for training on them.
        vectors: (n_edges, 3) edge vectors to use in place of those of ``system``.

    Returns:
        As ``derivatives.predict``; the stress in eV/Å³ too (the published one in GPa, divided by 160.21766208).
    """
    return predict_as_published_with_heads(
        model, system, graph, derivatives=derivatives, create_graph=create_graph, vectors=vectors
    )[0]


def predict_as_published_with_heads(
    model: EnergyModel,
    system: AtomicSystem,
    graph: AtomicGraph,
    *,
    derivatives: bool = True,
    create_graph: bool = False,
    vectors: Tensor | None = None,
) -> tuple[TensorPrediction, Heads]:
    """As :func:`predict_as_published`, with the model's further outputs of atoms and structures."""
    if not isinstance(model, AtomwiseEnergy):
        raise TypeError(f"{type(model).__name__} is not a published force field")
    trained = model.config.training_forces
    vectors = edge_vectors(system, graph) if vectors is None else vectors
    if derivatives and not vectors.requires_grad:
        vectors.requires_grad_()
    angle_vectors = None if trained.through_angles else vectors.detach()
    atomic_energy, heads = model.with_heads(graph, vectors, angle_vectors)
    n_systems = graph.n_atoms.shape[0]
    energy = scatter_sum(atomic_energy, graph.system_idx, n_systems)
    if not derivatives:
        return TensorPrediction(energy, atomic_energy, None, None), heads
    (gradient,) = torch.autograd.grad(
        energy, vectors, torch.ones_like(energy), create_graph=create_graph, materialize_grads=True
    )
    pair = gradient * _factor(trained, graph)[:, None]
    forces = scatter_sum(pair, graph.edge_dst, graph.atomic_numbers.shape[0])
    if trained.both_ends:
        forces = forces - scatter_sum(pair, graph.edge_src, graph.atomic_numbers.shape[0])
    if trained.without_torque:
        forces = without_torque(forces, system)
    stress = _stress(trained, vectors, pair, system, graph)
    if not create_graph:
        energy, atomic_energy = energy.detach(), atomic_energy.detach()
        forces, stress = forces.detach(), stress.detach()
        heads = Heads(*(None if head is None else head.detach() for head in heads))
    return TensorPrediction(energy, atomic_energy, forces, stress), heads


def _factor(trained: TrainingForces, graph: AtomicGraph) -> Tensor:
    """(n_edges,) what ∂E/∂r_e is multiplied by."""
    n_atoms = graph.n_atoms[graph.system_idx[graph.edge_src]].double()
    return trained.multiplier * (n_atoms if trained.times_n_atoms else torch.ones_like(n_atoms))


def _stress(trained: TrainingForces, vectors: Tensor, pair: Tensor, system: AtomicSystem, graph: AtomicGraph) -> Tensor:
    """(n_systems, 3, 3) eV/Å³; NaN for structures without a volume."""
    outer = vectors[:, :, None] * pair[:, None, :]
    n_systems = graph.n_atoms.shape[0]
    virial: Tensor = scatter_sum(outer, graph.system_idx[graph.edge_src], n_systems)
    volume: Tensor = torch.linalg.det(system.cell).abs()[:, None, None]
    without = volume < SMALLEST_VOLUME_A3
    volume = volume.masked_fill(without, 1.0)  # NaN comes last, so that it reaches no gradient
    stress = -trained.stress_multiplier * virial / volume
    if trained.stress_per_batch:  # half of the sum over the first one's volume
        without = without[:1]
        stress = (-virial.sum(0, keepdim=True) / (2.0 * volume[:1])).expand(n_systems, 3, 3)
    return stress.masked_fill(without, float("nan"))


def without_torque(forces: Tensor, system: AtomicSystem) -> Tensor:
    """Forces less the smallest field r × μ that cancels the net torque of each structure.

    μ solves (Σ r rᵀ − Σ|r|²·1) μ = −Σ r × F, r from the mean position; where that is singular (one atom, a straight
    molecule) the solution of least norm.

    Args:
        forces: (n_atoms, 3) eV/Å.
        system: positions, not wrapped: in a periodic structure the torque depends on the choice of images.
    """
    index, n_systems = system.system_idx, system.cell.shape[0]
    counts = count_rows(index, n_systems).double()[:, None]
    positions = system.positions.detach()
    r = positions - (scatter_sum(positions, index, n_systems) / counts)[index]
    torque = scatter_sum(torch.linalg.cross(r, forces), index, n_systems)
    squares = scatter_sum((r * r).sum(1), index, n_systems)[:, None, None]
    identity = torch.eye(3, dtype=r.dtype, device=r.device)
    inertia = scatter_sum(r[:, :, None] * r[:, None, :], index, n_systems) - squares * identity
    mu: Tensor = (torch.linalg.pinv(inertia, hermitian=True) @ -torque[:, :, None]).squeeze(2)
    correction: Tensor = torch.linalg.cross(r, mu[index])
    return forces + correction
