"""What the published force fields have beyond ``alignn``: envelopes, penalty, ZBL, outputs of atoms."""

from collections.abc import Callable
from typing import Final

from torch import Tensor, nn

from alignn_ff.errors import ConfigError
from alignn_ff.graph import AtomicGraph, GraphRecipe
from alignn_ff.models.base import EnergyModel, Heads, ModelStatistics, PropertyModel
from alignn_ff.models.published.atomwise_config import AtomwiseConfig
from alignn_ff.models.published.heads import (
    PublishedEnergy,
    PublishedModel,
    PublishedProperty,
    States,
    mean_over_atoms,
)
from alignn_ff.models.published.network import Bonds, NetworkParts
from alignn_ff.nn import linear_penalty, polynomial_envelope, published_zbl, scatter_sum, shoulder_envelope


class AtomwiseModel(PublishedModel):
    """Network, short-range terms and heads of a published force field."""

    config: AtomwiseConfig

    def __init__(
        self,
        config: AtomwiseConfig,
        recipe: GraphRecipe,
        elements: tuple[int, ...],
        parts: NetworkParts,
        statistics: ModelStatistics,
    ) -> None:
        super().__init__(config, recipe, elements, parts, statistics)
        self.config = config
        width = config.hidden_features
        n_atomwise, n_additional = config.atomwise_output_features, config.additional_output_features
        self.atomwise = nn.Linear(width, n_atomwise) if n_atomwise else None
        self.additional = nn.Linear(width, n_additional) if n_additional else None

    def shaped(self, distance: Tensor) -> Bonds:
        """Bond lengths, or their embedding's weight, by the envelope."""
        config = self.config
        if not config.shapes_bonds:
            return Bonds(distance)
        envelope = ENVELOPES[config.envelope](distance, config, self.recipe.cutoff)
        if config.multiply_cutoff:
            return Bonds(distance, envelope)
        return Bonds(envelope if config.envelope == "published" else distance * envelope)

    def short_range(self, graph: AtomicGraph, distance: Tensor, bonds: Bonds) -> tuple[Tensor, Tensor]:
        """Penalty and ZBL, half of a pair to each of its atoms."""
        config, n_atoms = self.config, graph.atomic_numbers.shape[0]
        penalty = zbl = distance.new_zeros(n_atoms)
        if config.use_penalty:
            length = bonds.length if config.penalty_reads_envelope else distance
            each = linear_penalty(length, config.penalty_factor, config.penalty_threshold)
            penalty = scatter_sum(each, graph.edge_dst, n_atoms)
        if config.zbl_end is not None:
            z = graph.atomic_numbers
            each = published_zbl(z[graph.edge_src], z[graph.edge_dst], distance, config.zbl_end)
            zbl = scatter_sum(each, graph.edge_dst, n_atoms)
        return penalty, zbl

    def heads(self, states: States, graph: AtomicGraph) -> Heads:
        """Outputs of atoms, and further outputs of structures."""
        atoms = states.atoms
        return Heads(
            atomwise=None if self.atomwise is None else self.atomwise(atoms).double(),
            additional=None if self.additional is None else self.additional(mean_over_atoms(atoms, graph)).double(),
        )


class AtomwiseEnergy(AtomwiseModel, PublishedEnergy):
    """A force field."""

    @property
    def trains_as_published(self) -> bool:
        """Whether a switch of the config makes training forces or stress something else than derivatives."""
        return bool(self.config.unphysical_switches)


class AtomwiseProperty(AtomwiseModel, PublishedProperty):
    """The same network, where its output is not an energy."""

    def added_to_output(self, states: States, graph: AtomicGraph) -> Tensor:
        """The published ``out`` holds ZBL per atom, and the penalty where it is not multiplied by n_atoms."""
        n_systems = graph.n_atoms.shape[0]
        added = scatter_sum(states.zbl, graph.system_idx, n_systems) / graph.n_atoms
        if self.config.penalty_in_output:
            added = added + scatter_sum(states.penalty, graph.system_idx, n_systems)
        return added


def build_atomwise(
    config: AtomwiseConfig,
    recipe: GraphRecipe,
    elements: tuple[int, ...],
    statistics: ModelStatistics,
    parts: NetworkParts,
) -> EnergyModel | PropertyModel:
    """A published force field, or a property model where the config makes one.

    Raises:
        ConfigError: an envelope that would not end at the cutoff.
    """
    if config.shapes_bonds and config.envelope == "reference" and config.inner_cutoff >= recipe.cutoff:
        raise ConfigError(
            f"inner_cutoff ({config.inner_cutoff} Å) must be less than cutoff ({recipe.cutoff} Å): the envelope is 1 "
            "below the one and 0 at the other"
        )
    if config.kind == "energy":
        return AtomwiseEnergy(config, recipe, elements, parts, statistics)
    return AtomwiseProperty(config, recipe, elements, parts, statistics)


def _reference_envelope(distance: Tensor, config: AtomwiseConfig, cutoff: float) -> Tensor:
    return shoulder_envelope(distance, config.inner_cutoff, cutoff, config.exponent)


def _published_envelope(distance: Tensor, config: AtomwiseConfig, _cutoff: float) -> Tensor:
    return polynomial_envelope(distance, config.inner_cutoff, config.exponent)


ENVELOPES: Final[dict[str, Callable[[Tensor, AtomwiseConfig, float], Tensor]]] = {
    "reference": _reference_envelope,
    "published": _published_envelope,
}
