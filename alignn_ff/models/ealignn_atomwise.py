"""The published ``ealignn_atomwise``: ALIGNN on the bonds below ``inner_cutoff``.

In: a graph and its edge vectors. Out: one energy per atom, or properties where the config asks for those. Its name
says "equivariant"; its layers are those of ``alignn_atomwise``, and as published its training forces are
no derivative of its energy (see ``published_derivatives.py``).
"""

from typing import Literal

from pydantic import Field

from alignn_ff.graph import GraphRecipe
from alignn_ff.models.base import EnergyModel, ModelStatistics, PropertyModel
from alignn_ff.models.published_atomwise import build_atomwise
from alignn_ff.models.published_config import Activation, AtomwiseConfig
from alignn_ff.models.published_network import NetworkParts
from alignn_ff.nn import GatedAverageConvolution


class EalignnAtomwiseConfig(AtomwiseConfig):
    """Hyper-parameters of ``ealignn_atomwise``."""

    IGNORED = (
        "include_pos_deriv",
        "link",
        "grad_multiplier",
        "add_reverse_forces",
        "lg_on_fly",
        "batch_stress",
        "force_mult_natoms",
        "use_cutoff_function",
        "multiply_cutoff",
        "exponent",
    )

    name: Literal["ealignn_atomwise"] = Field("ealignn_atomwise", description="family of the model")
    inner_cutoff: float = Field(4.0, gt=0, description="Å; longer bonds are left out where there are alignn_layers")
    remove_torque: bool = Field(True, description="take the net torque out of the training forces (published code)")

    @property
    def longest_bond(self) -> float | None:
        """Å, bonds beyond it are left out."""
        return self.inner_cutoff if self.alignn_layers else None

    @property
    def shapes_bonds(self) -> bool:
        """Never: this family ignores use_cutoff_function."""
        return False

    @property
    def n_classes(self) -> int:
        """One probability."""
        return 1

    @property
    def activations(self) -> tuple[Activation, ...]:
        """A class is one probability; other links are ignored."""
        return ("logit",) if self.classification else ("identity",)


def build_ealignn_atomwise(
    config: EalignnAtomwiseConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> EnergyModel | PropertyModel:
    """A model with random weights."""
    parts = NetworkParts("layer", lambda: GatedAverageConvolution(config.hidden_features))
    return build_atomwise(config, recipe, elements, statistics, parts)
