"""What the config of every family declares: hyper-parameters, outputs, sizes. The rest of the package reads only this.

A family's config derives from :class:`ModelConfig` and gives ``name`` and ``outputs``; everything else has a default.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from alignn_ff.elements import FeatureScheme

ModelKind = Literal["energy", "property"]
"""What a model gives: an energy that is a sum over atoms, with forces; or properties of structures."""

Link = Literal["identity", "log", "logit"]
"""Function whose inverse is the output activation: log applies exp(), logit applies sigmoid()."""


class Outputs(NamedTuple):
    """What a model of a config gives, and how its network treats the structure.

    Attributes:
        kind: an energy with forces, or properties.
        weights: loss weight of each output that the model has: "energy", "forces", "stress" of an energy, "target" of
            a property model, "atomwise" and "additional" of either.
        n_target: numbers in the target of a record, one for a classification; 0 for an energy.
        n_classes: classes that a classification tells apart; 0 for other models.
        n_atomwise: outputs per atom.
        n_additional: further outputs per structure.
        link: of the outputs of a property model.
        zero_inflated: whether each output is a probability times a mean, learned as a pair.
        asks_for_forces: whether the fields that are only about forces ask for them; a property model gives none.
        element_features: scheme of the element features that the network reads; None where it learns each element.
        averages_neighbours: whether messages are averages over neighbours, not sums.
        shapes_bonds: whether an envelope shapes the lengths of bonds or their embedding.
        reads_angles: whether the network needs the triplets of the graph.
        repels_below_A: Å, length below which a penalty repels bonds; None where there is none.
    """

    kind: ModelKind
    weights: Mapping[str, float]
    n_target: int = 0
    n_classes: int = 0
    n_atomwise: int = 0
    n_additional: int = 0
    link: Link = "identity"
    zero_inflated: bool = False
    asks_for_forces: bool = False
    element_features: FeatureScheme | None = None
    averages_neighbours: bool = False
    shapes_bonds: bool = False
    reads_angles: bool = True
    repels_below_A: float | None = None

    @property
    def classifies(self) -> bool:
        """Whether the output is a class."""
        return self.n_classes > 0


class LayerSizes(NamedTuple):
    """Sizes of a network of ALIGNN layers, which forecasts of memory are made of.

    Attributes:
        channels: width of the states of atoms, bonds and angles.
        inner: width inside the embeddings of bonds and angles; 0 where there is none.
        n_angle: blocks with angles.
        n_bond: further blocks without.
        edge_inputs: functions of the bond length.
        triplet_inputs: functions of the bond angle.
        moment_channels: channels of the moments of atoms; 0 where there are none.
        max_moment: highest order of the moments.
    """

    channels: int
    inner: int
    n_angle: int
    n_bond: int
    edge_inputs: int
    triplet_inputs: int
    moment_channels: int = 0
    max_moment: int = 0


class ModelConfig(BaseModel, ABC):
    """Hyper-parameters of a model: frozen, closed, each field documented with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    IGNORED: ClassVar[tuple[str, ...]] = ()
    """Fields that are accepted and change nothing."""

    HEADS: ClassVar[frozenset[str]] = frozenset()
    """Fields about outputs and their training; fine-tuning may change these and no others."""

    name: str = Field(description="family of the model")

    @property
    @abstractmethod
    def outputs(self) -> Outputs:
        """What a model of this config gives."""

    @property
    def layer_sizes(self) -> LayerSizes | None:
        """Sizes of the network; None where it is not made of ALIGNN layers, and its memory has no forecast."""
        return None

    @property
    def kind(self) -> ModelKind:
        """An energy with forces, or properties."""
        return self.outputs.kind

    @property
    def training_differences(self) -> tuple[str, ...]:
        """What the training of a model of this config compared instead of derivatives of the energy, in words."""
        return ()

    @property
    def ignored_but_set(self) -> dict[str, object]:
        """Fields of :attr:`IGNORED` that differ from their default, with their value."""
        values = {name: value for name, value in self if name in self.IGNORED}
        fields = type(self).model_fields
        return {name: values[name] for name in self.IGNORED if values[name] != fields[name].default}


class ForceFieldConfig(ModelConfig, ABC):
    """Fields that every force-field family shares: the weights of its training loss."""

    HEADS: ClassVar[frozenset[str]] = frozenset({"graphwise_weight", "gradwise_weight", "stresswise_weight"})

    graphwise_weight: float = Field(1.0, ge=0, description="loss weight of the energy per atom")
    gradwise_weight: float = Field(1.0, ge=0, description="loss weight of the forces")
    stresswise_weight: float = Field(0.0, ge=0, description="loss weight of the stress")

    @property
    def energy_weights(self) -> dict[str, float]:
        """Loss weights of an energy and its derivatives, as :class:`Outputs` has them."""
        return {"energy": self.graphwise_weight, "forces": self.gradwise_weight, "stress": self.stresswise_weight}
