"""The original ALIGNN: properties of structures (Choudhary and DeCost, npj Comput. Mater. 7, 185 (2021)).

In: a graph and its edge vectors. Out: scalars, vectors or class log-probabilities of each structure. Batch
normalisation throughout, so training and evaluation modes differ.
"""

from typing import ClassVar, Literal

from pydantic import Field

from alignn_ff.graph import GraphRecipe
from alignn_ff.models.base import ModelStatistics, PropertyModel
from alignn_ff.models.published.config import ArchitectureConfig
from alignn_ff.models.published.heads import PublishedProperty
from alignn_ff.models.published.network import NetworkParts
from alignn_ff.nn import GatedAverageConvolution


class AlignnConfig(ArchitectureConfig):
    """Hyper-parameters of ``alignn``."""

    HEADS: ClassVar[frozenset[str]] = ArchitectureConfig.HEADS | {"num_classes"}

    name: Literal["alignn"] = Field("alignn", description="family of the model")
    alignn_layers: int = Field(4, ge=0, description="blocks that update atoms, bonds and angles")
    gcn_layers: int = Field(4, ge=0, description="further blocks that update atoms and bonds only")
    atom_input_features: int = Field(
        92, description="92 for cgcnn, 11 basic, 1 atomic_number, 438 cfid; unset: that of atom_features"
    )
    hidden_features: int = Field(256, ge=1, description="channels of atoms, bonds and angles")
    num_classes: int = Field(2, ge=2, description="classes of a classification (published code)")

    @property
    def class_width(self) -> int:
        """Width of the output of a classification."""
        return self.num_classes


def build_alignn(
    config: AlignnConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> PropertyModel:
    """A model with random weights."""
    width = config.hidden_features
    parts = NetworkParts("batch", lambda: GatedAverageConvolution(width, "batch"))
    return PublishedProperty(config, recipe, elements, parts, statistics)
