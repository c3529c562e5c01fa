"""What the configs of the published families share: fields, defaults, and what follows from them.

Names, defaults and meanings are those of the published config reference; fields marked "ours" or "published code"
are not in it. Closed: an unknown field is an error.
"""

from functools import cache
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alignn_ff.elements import SCHEME_WIDTHS, FeatureScheme, scheme_of_width
from alignn_ff.log import get_logger
from alignn_ff.models.base import ForceFieldConfig, ModelKind

log = get_logger("models")

Link = Literal["identity", "log", "logit"]
Activation = Literal["identity", "log", "logit", "log_softmax"]


class ArchitectureConfig(BaseModel):
    """Fields of every published family."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    IGNORED: ClassVar[tuple[str, ...]] = ()
    """Fields that are accepted and change nothing, as in the published code."""

    alignn_layers: int = Field(2, ge=0, description="blocks that update atoms, bonds and angles")
    gcn_layers: int = Field(2, ge=0, description="further blocks that update atoms and bonds only")
    atom_input_features: int = Field(
        1, description="92 for cgcnn, 11 basic, 1 atomic_number, 438 cfid; unset: that of atom_features"
    )
    edge_input_features: int = Field(80, ge=2, description="number of Gaussians of the bond length, 0 to 8 Å")
    triplet_input_features: int = Field(40, ge=2, description="number of Gaussians of the cosine of the bond angle")
    embedding_features: int = Field(64, ge=1, description="width inside the embeddings of bonds and angles")
    hidden_features: int = Field(64, ge=1, description="channels of atoms, bonds and angles")
    output_features: int = Field(1, ge=1, description="number of outputs of a structure")
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
    def kind(self) -> ModelKind:
        """Whether the output is an energy with forces."""
        return "property"

    @property
    def fingerprint_width(self) -> int:
        """Width of the per-atom fingerprints that the model reads; 0: none."""
        return self.extra_features

    @property
    def n_classes(self) -> int:
        """Width of the output of a classification."""
        return 2

    @property
    def n_outputs(self) -> int:
        """Width of the output of a structure."""
        return self.n_classes if self.classification and not self.fingerprint_width else self.output_features

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
        """Å, bonds beyond it are left out by the model itself; None: those of the graph."""
        return None


class AtomwiseConfig(ArchitectureConfig, ForceFieldConfig):
    """Fields of the published families with forces and per-atom outputs."""

    calculate_gradient: bool = Field(True, description="forces; gradwise_weight 0 turns it off")
    atomwise_output_features: int = Field(0, ge=0, description="outputs of each atom, such as charges; 0 is off")
    additional_output_features: int = Field(0, ge=0, description="further outputs of a structure; 0 is off")
    atomwise_weight: float = Field(0.0, ge=0, description="loss weight of the outputs of atoms")
    additional_output_weight: float = Field(0.0, ge=0, description="loss weight of the further outputs")
    energy_mult_natoms: bool = Field(True, description="the output is an energy per atom, summed over atoms")
    grad_multiplier: int = Field(-1, description="factor on ∂E/∂r in training; −1 gives forces")
    add_reverse_forces: bool = Field(True, description="sum ∂E/∂r over both ends of an edge in training")
    lg_on_fly: bool = Field(True, description="differentiate through bond angles in training")
    batch_stress: bool = Field(True, description="one stress a structure in training, instead of one a batch")
    force_mult_natoms: bool = Field(False, description="scale the forces by the number of atoms in training")
    stress_multiplier: float = Field(1.0, description="factor on the stress in training")
    include_pos_deriv: bool = Field(False, description="accepted and ignored: forces are exact either way")
    use_cutoff_function: bool = Field(False, description="shape bond lengths or their embedding by an envelope")
    multiply_cutoff: bool = Field(False, description="multiply the embedding, not the length")
    inner_cutoff: float = Field(3.0, gt=0, description="Å; the envelope is 1 below, and falls to 0 at cutoff")
    exponent: int = Field(5, ge=3, description="exponent of the envelope")
    envelope: Literal["reference", "published"] = Field(
        "reference", description="published: 1 at 0, falling to 0 at inner_cutoff, as loaded models were trained (ours)"
    )
    use_penalty: bool = Field(True, description="repulsion of bonds below penalty_threshold")
    penalty_factor: float = Field(0.1, description="strength of the repulsion, eV/Å, on each directed bond")
    penalty_threshold: float = Field(1.0, description="Å")

    @property
    def calculates_forces(self) -> bool:
        """Whether forces are trained."""
        return self.calculate_gradient and self.gradwise_weight != 0

    @property
    def kind(self) -> ModelKind:
        """An energy, where the mean over atoms times their number is a sum over atoms; else a property."""
        plain = self.output_features == 1 and self.activations == ("identity",)
        extensive = self.energy_mult_natoms and self.fingerprint_width == 0 and not self.zero_inflated
        return "energy" if self.calculates_forces and plain and extensive else "property"

    @property
    def zbl_end(self) -> float | None:
        """Å, where ZBL ends; None: there is none."""
        return None

    @property
    def shapes_bonds(self) -> bool:
        """Whether bonds are shaped by an envelope."""
        return self.use_cutoff_function

    @property
    def penalty_reads_envelope(self) -> bool:
        """Whether the penalty is fed the envelope instead of the length, as some published models were trained."""
        return self.envelope == "published" and self.shapes_bonds and not self.multiply_cutoff

    @property
    def penalty_in_output(self) -> bool:
        """Whether a property contains the penalty of its structure, as published."""
        return self.use_penalty and not self.energy_mult_natoms


def mention_ignored_fields(config: ArchitectureConfig) -> None:
    """Log, once, fields that are set but change nothing."""
    for name in config.IGNORED:
        if getattr(config, name) != type(config).model_fields[name].default:
            _say_once(f"{getattr(config, 'name', 'model')}: {name} = {getattr(config, name)} is accepted and ignored")


@cache
def _say_once(message: str) -> None:
    log.warning(message)
