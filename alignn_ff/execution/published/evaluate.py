"""Energy, forces and stress of a published force field by the hand-organised passes.

In: a model, and for each graph an engine and what stays in memory. Out: an evaluation.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from alignn_ff.execution.published.contract import Angles
from alignn_ff.execution.published.geometry import Geometry
from alignn_ff.execution.published.network import Inputs, Resources, Run
from alignn_ff.execution.published.scalars import TABLE_END_A, tabulate_angles, tabulate_lengths
from alignn_ff.execution.published.topology import bond_topology, line_topology
from alignn_ff.execution.published.weights import layers_of
from alignn_ff.execution.published.workspace import Workspace, Workspaces
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction, edge_vectors
from alignn_ff.models.derivatives import forces_from_edges, stress_from_edges
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.models.published.heads import keep_edges
from alignn_ff.nn import scatter_sum


class BlockedEvaluation:
    """An evaluation of one model.

    Args:
        model: on its device, in its dtype; its weights are copied.
        resources: graph → engine and what stays in memory.
    """

    def __init__(self, model: AtomwiseEnergy, resources: Callable[[AtomicGraph], Resources]) -> None:
        self.model, self.resources = model, resources
        self.layers, self.workspaces = layers_of(model), Workspaces()
        self.tables = tabulate_angles(model, self.layers)
        self.lengths = tabulate_lengths(model, self.layers)

    @torch.no_grad()
    def __call__(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
        """Prediction without autograd history."""
        with self.workspaces.lend() as workspace:
            return self._evaluate(system, graph, workspace, derivatives=derivatives)

    def _evaluate(
        self, system: AtomicSystem, graph: AtomicGraph, workspace: Workspace, *, derivatives: bool
    ) -> TensorPrediction:
        vectors = edge_vectors(system, graph)
        kept, bonds = self._bonds(graph, vectors)
        geometry = Geometry(self.model, bonds, vectors if kept is None else vectors[kept])
        run = self._run(bonds, geometry, workspace)
        local = self.model.readout(run.forward()).squeeze(1).double()
        reference = self.model.reference[self.model.network.features.row_of[graph.atomic_numbers]]
        atomic_energy = reference + self.model.scale * local + geometry.short_range()
        energy = scatter_sum(atomic_energy, graph.system_idx, graph.n_atoms.shape[0])
        if not derivatives:
            return TensorPrediction(energy, atomic_energy, None, None)
        outcome = run.backward(self._slope_of_readout(local.shape[0]))
        gradient = geometry.pull_back(outcome, run.inputs.line)
        if kept is not None:
            gradient = torch.zeros_like(vectors).index_copy_(0, kept, gradient)
        stress = stress_from_edges(gradient, vectors, graph, system.cell)
        return TensorPrediction(energy, atomic_energy, forces_from_edges(gradient, graph), stress)

    def _bonds(self, graph: AtomicGraph, vectors: Tensor) -> tuple[Tensor | None, AtomicGraph]:
        """The bonds that the model reads, where it leaves some out, and their graph."""
        longest = self.model.architecture.longest_bond
        if longest is None:
            return None, graph
        kept = torch.nonzero(torch.linalg.vector_norm(vectors, dim=1) <= longest).squeeze(1)
        return kept, keep_edges(graph, kept)

    def _run(self, graph: AtomicGraph, geometry: Geometry, workspace: Workspace) -> Run:
        network, line = self.model.network, line_topology(graph)
        features = network.features(graph.atomic_numbers).to(self.model.readout.weight.dtype)
        inputs = Inputs(
            bonds=bond_topology(graph),
            line=line,
            angles=Angles(geometry.cosines(line), *self.tables),
            atoms=network.atom_embedding(features),
            states=geometry.states,
            lengths=None if self.lengths is None else Angles(geometry.length.clamp(max=TABLE_END_A), *self.lengths),
        )
        return Run(self.layers, self.resources(graph), inputs, workspace)

    def _slope_of_readout(self, n_atoms: int) -> Tensor:
        """(n_atoms, width) ∂E/∂(states of the atoms)."""
        weight = self.model.readout.weight
        return (self.model.scale * weight.double()).to(weight.dtype).expand(n_atoms, -1).contiguous()
