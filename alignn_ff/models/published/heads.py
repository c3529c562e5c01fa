"""From the states of atoms to outputs: the energy of each atom, or properties of structures and atoms.

The mean over atoms, times their number, times a linear readout, is a sum over atoms: so the published force fields
have atomic energies. Penalty and ZBL belong to the energy of their own structure, once.
"""

import logging
import math
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.graph import AtomicGraph, GraphRecipe
from alignn_ff.models.base import EnergyModel, Heads, ModelStatistics, PropertyModel
from alignn_ff.models.published.config import Activation, ArchitectureConfig
from alignn_ff.models.published.network import Bonds, NetworkParts, PublishedNetwork
from alignn_ff.nn import NormedLayer, count_rows, scatter_sum

log = logging.getLogger(__name__)

TYPICAL_POSITIVE = 0.7
"""Where an output behind exp() starts, as published (an average band gap in eV)."""


class States(NamedTuple):
    """What outputs are made of.

    Attributes:
        atoms: (n_atoms, hidden_features).
        penalty: (n_atoms,) float64, eV, share of each atom; zero where there is none.
        zbl: (n_atoms,) float64, eV, likewise.
    """

    atoms: Tensor
    penalty: Tensor
    zbl: Tensor


class PublishedModel(nn.Module):
    """Network and heads of a published family, without short-range terms."""

    def __init__(
        self,
        config: ArchitectureConfig,
        recipe: GraphRecipe,
        elements: tuple[int, ...],
        parts: NetworkParts,
        statistics: ModelStatistics,  # noqa: ARG002 - read by the kinds of models that this one is a part of
    ) -> None:
        super().__init__()
        _log_ignored_fields(config)
        self.architecture, self.recipe, self.elements = config, recipe, elements
        width, extra = config.hidden_features, config.fingerprint_width
        self.network = PublishedNetwork(config, elements, parts)
        self.readout = nn.Linear(width + extra, config.n_raw_outputs)
        if config.link == "log":
            nn.init.constant_(self.readout.bias, math.log(TYPICAL_POSITIVE))
        if extra:
            self.extra_embedding = NormedLayer(extra, extra, parts.norm)
            both = width + extra
            self.extra_layers = nn.Sequential(NormedLayer(both, both, parts.norm), NormedLayer(both, both, parts.norm))

    def states(self, graph: AtomicGraph, edge_vectors: Tensor, angle_vectors: Tensor | None = None) -> States:
        """States of the atoms and short-range energies.

        Args:
            graph: one structure or several.
            edge_vectors: (n_edges, 3) float64, Å.
            angle_vectors: (n_edges, 3), those that the angles are made of, if others (training without them).
        """
        angle_vectors = edge_vectors if angle_vectors is None else angle_vectors
        distance = torch.linalg.vector_norm(edge_vectors, dim=1)
        if self.architecture.longest_bond is not None:
            kept = torch.nonzero(distance.detach() <= self.architecture.longest_bond).squeeze(1)
            graph, distance, angle_vectors = keep_edges(graph, kept), distance[kept], angle_vectors[kept]
        bonds = self.shaped(distance)
        atoms = self.network(graph, bonds, angle_vectors)
        return States(atoms, *self.short_range(graph, distance, bonds))

    def shaped(self, distance: Tensor) -> Bonds:
        """Bond lengths as the embedding reads them."""
        return Bonds(distance)

    def short_range(self, graph: AtomicGraph, distance: Tensor, bonds: Bonds) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Penalty and ZBL of each atom, (n_atoms,) float64, eV."""
        none = distance.new_zeros(graph.atomic_numbers.shape[0])
        return none, none

    def heads(self, states: States, graph: AtomicGraph) -> Heads:  # noqa: ARG002
        """Outputs beside the main one."""
        return Heads()


class PublishedProperty(PublishedModel, PropertyModel):
    """Outputs of a structure from the mean over its atoms.

    With ``statistics.output_mean`` the network's outputs are scaled: outputs = mean + raw·axes.
    """

    output_mean: Tensor
    output_axes: Tensor

    def __init__(
        self,
        config: ArchitectureConfig,
        recipe: GraphRecipe,
        elements: tuple[int, ...],
        parts: NetworkParts,
        statistics: ModelStatistics,
    ) -> None:
        super().__init__(config, recipe, elements, parts, statistics)
        self.scales_outputs = bool(statistics.output_mean)
        if self.scales_outputs:
            self.register_buffer("output_mean", torch.tensor(statistics.output_mean, dtype=torch.float64))
            self.register_buffer("output_axes", torch.tensor(statistics.output_axes, dtype=torch.float64))

    def raw_with_heads(self, graph: AtomicGraph, edge_vectors: Tensor) -> tuple[Tensor, Heads]:
        """(n_systems, n_outputs) float64, twice as many of a zero-inflated model; and heads."""
        states = self.states(graph, edge_vectors)
        return self._raw(states, graph), self.heads(states, graph)

    def _raw(self, states: States, graph: AtomicGraph) -> Tensor:
        pooled = mean_over_atoms(states.atoms, graph)
        if self.architecture.fingerprint_width:
            pooled = self.extra_layers(torch.cat([pooled, self._fingerprints(graph, pooled.dtype)], dim=1))
        output: Tensor = self.readout(pooled).double()
        n = self.architecture.n_outputs
        logits, output = output[:, :-n], output[:, -n:] + self.added_to_output(states, graph)[:, None]
        for name in self.architecture.activations:
            output = ACTIVATIONS[name](output)
        return torch.cat([logits, output], dim=1) if self.architecture.zero_inflated else output

    def reported(self, raw: Tensor) -> Tensor:
        """(n_systems, n_outputs) float64: of a zero-inflated model p·mean, on the scale of the labels."""
        if self.architecture.zero_inflated:
            logits, means = raw.chunk(2, dim=1)
            return torch.sigmoid(logits) * means
        return self.output_mean + raw @ self.output_axes if self.scales_outputs else raw

    def scaled(self, label: Tensor) -> Tensor:
        """(n_systems, n_outputs) labels as raw outputs should be."""
        if not self.scales_outputs:
            return label
        result: Tensor = torch.linalg.solve(self.output_axes, label - self.output_mean, left=False)
        return result

    def added_to_output(self, states: States, graph: AtomicGraph) -> Tensor:
        """What short-range terms add to each output, (n_systems,) float64."""
        return states.zbl.new_zeros(graph.n_atoms.shape[0])

    def _fingerprints(self, graph: AtomicGraph, dtype: torch.dtype) -> Tensor:
        width = self.architecture.fingerprint_width
        given = None if graph.extra_features is None else graph.extra_features.shape[1]
        if graph.extra_features is None or given != width:
            raise StructureError(
                f"this model reads {width} extra_features per atom, but the structure has {given or 'none'}; "
                "give them as atoms.arrays['extra_features']"
            )
        return mean_over_atoms(self.extra_embedding(graph.extra_features.to(dtype)), graph)


class PublishedEnergy(PublishedModel, EnergyModel):
    """Energy = Σ_i [reference of the element + scale·(W·x_i + b)] + penalty + ZBL.

    Loaded models have references 0 and scale 1.
    """

    scale: Tensor
    reference: Tensor

    def __init__(
        self,
        config: ArchitectureConfig,
        recipe: GraphRecipe,
        elements: tuple[int, ...],
        parts: NetworkParts,
        statistics: ModelStatistics,
    ) -> None:
        super().__init__(config, recipe, elements, parts, statistics)
        if statistics.exact_free_atoms:
            raise ConfigError(
                f"reference energies of isolated atoms need a family that keeps them exactly (alignn_smooth), not "
                f'{config.name}; give "least_squares"'
            )
        self.register_buffer("scale", torch.tensor(statistics.scale, dtype=torch.float64))
        self.register_buffer("reference", torch.tensor(statistics.reference_energies, dtype=torch.float64))

    def forward(self, graph: AtomicGraph, edge_vectors: Tensor, angle_vectors: Tensor | None = None) -> Tensor:
        """Energy of each atom, (n_atoms,) float64, eV; ``angle_vectors`` as in :meth:`states`."""
        return self._energy(self.states(graph, edge_vectors, angle_vectors), graph)

    def with_heads(
        self, graph: AtomicGraph, edge_vectors: Tensor, angle_vectors: Tensor | None = None
    ) -> tuple[Tensor, Heads]:
        """Energy of each atom, and outputs beside it."""
        states = self.states(graph, edge_vectors, angle_vectors)
        return self._energy(states, graph), self.heads(states, graph)

    def last_layer_features(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
        """(n_atoms, hidden_features) states that the readout is linear in."""
        return self.states(graph, edge_vectors).atoms

    def _energy(self, states: States, graph: AtomicGraph) -> Tensor:
        local = self.readout(states.atoms).squeeze(1).double()
        reference = self.reference[self.network.features.row_of[graph.atomic_numbers]]
        energy: Tensor = reference + self.scale * local + states.penalty + states.zbl
        return energy


def mean_over_atoms(values: Tensor, graph: AtomicGraph) -> Tensor:
    """(n_systems, features) mean of (n_atoms, features)."""
    n_atoms = graph.n_atoms.to(values.dtype)[:, None]
    return scatter_sum(values, graph.system_idx, graph.n_atoms.shape[0]) / n_atoms


def keep_edges(graph: AtomicGraph, kept: Tensor) -> AtomicGraph:
    """The graph of some edges, of the angles between them, and their counts per structure.

    Args:
        graph: one structure or several.
        kept: (n_kept,) int64, edges in ascending order.
    """
    row_of = torch.full_like(graph.edge_src, -1)
    row_of[kept] = torch.arange(kept.shape[0], device=kept.device)
    line_src, line_dst = row_of[graph.line_src], row_of[graph.line_dst]
    both = torch.nonzero((line_src >= 0) & (line_dst >= 0)).squeeze(1)
    nodes = torch.nonzero(row_of[graph.line_nodes] >= 0).squeeze(1)
    return graph._replace(
        edge_src=graph.edge_src[kept],
        edge_dst=graph.edge_dst[kept],
        edge_shift=graph.edge_shift[kept],
        line_nodes=row_of[graph.line_nodes[nodes]],
        line_src=line_src[both],
        line_dst=line_dst[both],
        n_edges=_counts(graph, graph.edge_src[kept]),
        n_line_nodes=_counts(graph, graph.edge_src[graph.line_nodes[nodes]]),
        n_triplets=_counts(graph, graph.edge_src[graph.line_src[both]]),
    )


def _counts(graph: AtomicGraph, atoms: Tensor) -> Tensor:
    """(n_systems,) how many of these atoms belong to each structure."""
    return count_rows(graph.system_idx[atoms], graph.n_atoms.shape[0])


ACTIVATIONS: Final[dict[Activation, Callable[[Tensor], Tensor]]] = {
    "identity": lambda x: x,
    "log": torch.exp,
    "logit": torch.sigmoid,
    "log_softmax": lambda x: torch.log_softmax(x, dim=1),
}
"""Names are the config's: the link "log" means that the model's output is the logarithm."""


def _log_ignored_fields(config: ArchitectureConfig) -> None:
    for field, value in config.ignored_but_set.items():
        _log_once(f"{config.name}: {field} = {value} is accepted and ignored")


@cache
def _log_once(message: str) -> None:
    log.warning(message)
