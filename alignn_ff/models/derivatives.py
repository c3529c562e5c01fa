"""Forces and stress: the derivatives of the reported energy, with their signs in one place.

The energy depends on positions and cell only through the edge vectors. With g_e = ∂E/∂r_e and
r_e = x[dst] + shift·cell − x[src], the chain rule gives

    forces_i = −∂E/∂x_i = Σ_{e: src=i} g_e − Σ_{e: dst=i} g_e
    stress   = (1/V)·∂E/∂strain = (1/V)·Σ_e sym(r_e ⊗ g_e)        (tension positive)
"""

import torch
from torch import Tensor

from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction, edge_vectors
from alignn_ff.models.base import EnergyModel, Heads
from alignn_ff.nn import scatter_sum


def predict(
    model: EnergyModel,
    system: AtomicSystem,
    graph: AtomicGraph,
    *,
    derivatives: bool = True,
    create_graph: bool = False,
) -> TensorPrediction:
    """Energy and, if asked for, its derivatives.

    Args:
        model: gives atomic energies.
        system: positions and cell; gradients flow to them where they require it.
        graph: of the same atoms.
        derivatives: also forces and stress.
        create_graph: keep the derivatives differentiable, for training on them.
    """
    return predict_with_heads(model, system, graph, derivatives=derivatives, create_graph=create_graph)[0]


def predict_with_heads(
    model: EnergyModel,
    system: AtomicSystem,
    graph: AtomicGraph,
    *,
    derivatives: bool = True,
    create_graph: bool = False,
) -> tuple[TensorPrediction, Heads]:
    """As :func:`predict`, with the model's further outputs of atoms and structures."""
    with torch.set_grad_enabled(derivatives or torch.is_grad_enabled()):  # also for callers under no_grad
        vectors = edge_vectors(system, graph)
        if derivatives and not vectors.requires_grad:
            vectors.requires_grad_()
        atomic_energy, heads = model.with_heads(graph, vectors)
        if not derivatives:
            return assemble(atomic_energy, None, vectors, system, graph), heads
        total = atomic_energy.sum()  # given no grad_outputs, autograd does not load symbolic shapes, half a second once
        (gradient,) = torch.autograd.grad(total, vectors, create_graph=create_graph, materialize_grads=True)
        if not create_graph:
            atomic_energy, vectors = atomic_energy.detach(), vectors.detach()
            heads = Heads(*(None if head is None else head.detach() for head in heads))
        return assemble(atomic_energy, gradient, vectors, system, graph), heads


def assemble(
    atomic_energy: Tensor, gradient: Tensor | None, vectors: Tensor, system: AtomicSystem, graph: AtomicGraph
) -> TensorPrediction:
    """Prediction from the energy of each atom and its gradient.

    Args:
        atomic_energy: (n_atoms,) eV.
        gradient: (n_edges, 3) eV/Å, ∂E/∂r_e; None if forces and stress are not asked for.
        vectors: (n_edges, 3) Å, r_e.
        system, graph: that they belong to.
    """
    energy = scatter_sum(atomic_energy, graph.system_idx, graph.n_atoms.shape[0])
    if gradient is None:
        return TensorPrediction(energy, atomic_energy, None, None)
    forces = forces_from_edges(gradient, graph)
    return TensorPrediction(energy, atomic_energy, forces, stress_from_edges(gradient, vectors, graph, system.cell))


def forces_from_edges(gradient: Tensor, graph: AtomicGraph) -> Tensor:
    """(n_atoms, 3) forces in eV/Å from ∂E/∂r_e, (n_edges, 3)."""
    n_atoms = graph.atomic_numbers.shape[0]
    return scatter_sum(gradient, graph.edge_src, n_atoms) - scatter_sum(gradient, graph.edge_dst, n_atoms)


def stress_from_edges(gradient: Tensor, vectors: Tensor, graph: AtomicGraph, cell: Tensor) -> Tensor:
    """(n_systems, 3, 3) stress in eV/Å³ from ∂E/∂r_e; NaN for structures without a volume."""
    outer = vectors[:, :, None] * gradient[:, None, :]
    virial = scatter_sum(outer, graph.system_idx[graph.edge_src], graph.n_atoms.shape[0])
    volume = (torch.linalg.cross(cell[:, 0], cell[:, 1]) * cell[:, 2]).sum(1).abs()[:, None, None]
    without = volume < SMALLEST_VOLUME_A3
    stress: Tensor = 0.5 * (virial + virial.mT) / volume.masked_fill(without, 1.0)
    return stress.masked_fill(without, float("nan"))
