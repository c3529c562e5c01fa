"""ALIGNN with outputs of atoms: the published force field (Choudhary et al., Digital Discovery 2, 346 (2023)).

In: a graph and its edge vectors. Out: one energy per atom, or properties where the config asks for those.
"""

from typing import Literal

from pydantic import Field

from alignn_ff.graph import GraphRecipe
from alignn_ff.models.base import EnergyModel, ModelStatistics, PropertyModel
from alignn_ff.models.published.atomwise import build_atomwise
from alignn_ff.models.published.atomwise_config import AtomwiseConfig
from alignn_ff.models.published.network import NetworkParts
from alignn_ff.nn import GatedAverageConvolution


class AlignnAtomwiseConfig(AtomwiseConfig):
    """Hyper-parameters of ``alignn_atomwise``."""

    IGNORED = ("include_pos_deriv",)

    name: Literal["alignn_atomwise"] = Field("alignn_atomwise", description="family of the model")


def build_alignn_atomwise(
    config: AlignnAtomwiseConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> EnergyModel | PropertyModel:
    """A model with random weights."""
    parts = NetworkParts("layer", lambda: GatedAverageConvolution(config.hidden_features))
    return build_atomwise(config, recipe, elements, statistics, parts)
