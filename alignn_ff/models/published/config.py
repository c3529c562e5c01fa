"""What the configs of all published families share: fields, defaults, and what follows from them.

Names, defaults and meanings are those of the published config reference; fields marked "ours" or "published code"
are not in it. Closed: an unknown field is an error.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from alignn_ff.elements import SCHEME_WIDTHS, FeatureScheme, scheme_of_width
from alignn_ff.models.config import LayerSizes, Link, ModelConfig, Outputs

Activation = Literal["identity", "log", "logit", "log_softmax"]


class ArchitectureConfig(ModelConfig):
    """Fields of every published family."""

    HEADS: ClassVar[frozenset[str]] = frozenset(
        {"output_features", "link", "classification", "zero_inflated", "extra_features"}
    )

    alignn_layers: int = Field(2, ge=0, description="blocks that update atoms, bonds and angles")
    gcn_layers: int = Field(2, ge=0, description="further blocks that update atoms and bonds only")
    atom_input_features: int = Field(
        1, description="92 for cgcnn, 11 basic, 1 atomic_number, 438 cfid; unset: that of atom_features"
    )
    edge_input_features: int = Field(80, ge=2, description="number of Gaussians of the bond length, 0 to 8 Å")
    triplet_input_features: int = Field(40, ge=2, description="number of Gaussians of the cosine of the bond angle")
    embedding_features: int = Field(64, ge=1, description="width inside the embeddings of bonds and angles")
    hidden_features: int = Field(64, ge=1, description="channels of atoms, bonds and angles")
    output_features: int = Field(1, ge=1, description="number of outputs per structure")
    link: Link = Field("identity", description="output activation: log applies exp(), logit applies sigmoid()")
    zero_inflated: bool = Field(
        False, description="each output is p(non-zero) times a mean, learned as a pair; criterion zig asks for it"
    )
    classification: bool = Field(False, description="the output is a class, as log-probabilities")
    extra_features: int = Field(0, ge=0, description="width of per-atom fingerprints (atoms.arrays['extra_features'])")

    @model_validator(mode="after")
    def _one_meaning_of_outputs(self) -> Self:
        if self.zero_inflated and self.classification:
            raise ValueError("zero_inflated and classification exclude each other: an output is a number or a class")
        return self

    @field_validator("atom_input_features")
    @classmethod
    def _width_of_a_scheme(cls, width: int) -> int:
        if width not in SCHEME_WIDTHS.values():
            allowed = ", ".join(f"{known} ({scheme})" for scheme, known in SCHEME_WIDTHS.items())
            raise ValueError(f"no atom_features have this width; allowed are {allowed}")
        return width

    @property
    def scheme(self) -> FeatureScheme:
        """The element features that the model reads."""
        return scheme_of_width(self.atom_input_features)

    @property
    def outputs(self) -> Outputs:
        """Properties, unless the config of a family makes an energy of them."""
        return Outputs(
            kind="property",
            weights={"target": 1.0},
            n_target=1 if self.classification else self.output_features,
            n_classes=self.n_classes if self.classification else 0,
            link=self.link,
            zero_inflated=self.zero_inflated,
            element_features=self.scheme,
            averages_neighbours=True,
            reads_angles=self.alignn_layers > 0,
        )

    @property
    def layer_sizes(self) -> LayerSizes:
        """Sizes of the network."""
        return LayerSizes(
            channels=self.hidden_features,
            inner=self.embedding_features,
            n_angle=self.alignn_layers,
            n_bond=self.gcn_layers,
            edge_inputs=self.edge_input_features,
            triplet_inputs=self.triplet_input_features,
        )

    @property
    def fingerprint_width(self) -> int:
        """Width of the per-atom fingerprints that the model reads; 0: none."""
        return self.extra_features

    @property
    def class_width(self) -> int:
        """Width of the output of a classification without fingerprints."""
        return 2

    @property
    def n_classes(self) -> int:
        """Classes that a classification tells apart: one per output."""
        return self.n_outputs

    @property
    def n_outputs(self) -> int:
        """Width of the output of a structure."""
        return self.class_width if self.classification and not self.fingerprint_width else self.output_features

    @property
    def n_raw_outputs(self) -> int:
        """Width of the readout: a zero-inflated output is read as a pair."""
        return 2 * self.n_outputs if self.zero_inflated else self.n_outputs

    @property
    def activations(self) -> tuple[Activation, ...]:
        """What is applied to the output, in order."""
        return (self.link, "log_softmax") if self.classification else (self.link,)

    @property
    def longest_bond(self) -> float | None:
        """Å, the model itself leaves out longer bonds; None: it takes all bonds of the graph."""
        return None
