"""What the configs of the published force fields share beyond ``alignn``: forces, outputs of atoms, short-range terms.

Names, defaults and meanings are those of the published config reference, as in ``published_config.py``.
"""

from typing import ClassVar, Final, Literal, NamedTuple

from pydantic import Field

from alignn_ff.models.config import ForceFieldConfig, Outputs
from alignn_ff.models.published.config import ArchitectureConfig


class TrainingForces(NamedTuple):
    """What the published training compares with forces and stress; the defaults are derivatives of the energy.

    Attributes:
        multiplier: factor on ∂E/∂r of each edge.
        times_n_atoms: whether it is also multiplied by the number of atoms.
        both_ends: whether ∂E/∂r acts on both ends of an edge.
        through_angles: whether ∂E/∂r includes how bond angles change.
        without_torque: whether the net torque is taken out of the forces.
        stress_multiplier: factor on the stress.
        stress_per_batch: whether a batch has one stress, instead of one per structure.
    """

    multiplier: float = -1.0
    times_n_atoms: bool = False
    both_ends: bool = True
    through_angles: bool = True
    without_torque: bool = False
    stress_multiplier: float = 1.0
    stress_per_batch: bool = False


class AtomwiseConfig(ArchitectureConfig, ForceFieldConfig):
    """Fields of the published families with forces and per-atom outputs."""

    HEADS: ClassVar[frozenset[str]] = (
        ArchitectureConfig.HEADS
        | ForceFieldConfig.HEADS
        | {
            "calculate_gradient",
            "atomwise_output_features",
            "additional_output_features",
            "atomwise_weight",
            "additional_output_weight",
            "energy_mult_natoms",
            "grad_multiplier",
            "add_reverse_forces",
            "lg_on_fly",
            "batch_stress",
            "force_mult_natoms",
            "stress_multiplier",
        }
    )

    calculate_gradient: bool = Field(True, description="forces; gradwise_weight 0 turns it off")
    atomwise_output_features: int = Field(0, ge=0, description="outputs per atom, such as charges; 0 is off")
    additional_output_features: int = Field(0, ge=0, description="further outputs per structure; 0 is off")
    atomwise_weight: float = Field(0.0, ge=0, description="loss weight of the outputs of atoms")
    additional_output_weight: float = Field(0.0, ge=0, description="loss weight of the further outputs")
    energy_mult_natoms: bool = Field(True, description="the output is an energy per atom, summed over atoms")
    grad_multiplier: int = Field(-1, description="factor on ∂E/∂r in training; −1 gives forces")
    add_reverse_forces: bool = Field(True, description="sum ∂E/∂r over both ends of an edge in training")
    lg_on_fly: bool = Field(True, description="differentiate through bond angles in training")
    batch_stress: bool = Field(True, description="one stress per structure in training, instead of one per batch")
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
    def outputs(self) -> Outputs:
        """An energy, where the mean over atoms times their number is a sum over atoms; else properties."""
        plain = self.output_features == 1 and self.activations == ("identity",)
        extensive = self.energy_mult_natoms and self.fingerprint_width == 0 and not self.zero_inflated
        is_energy = self.calculates_forces and plain and extensive
        weights = self.energy_weights if is_energy else {"target": self.graphwise_weight}
        if self.atomwise_output_features:
            weights["atomwise"] = self.atomwise_weight
        if self.additional_output_features:
            weights["additional"] = self.additional_output_weight
        shared = super().outputs
        return shared._replace(
            kind="energy" if is_energy else "property",
            weights=weights,
            n_target=0 if is_energy else shared.n_target,
            n_atomwise=self.atomwise_output_features,
            n_additional=self.additional_output_features,
            asks_for_forces=self.calculates_forces,
            shapes_bonds=self.shapes_bonds,
            repels_below_A=self.penalty_threshold if self.use_penalty else None,
        )

    @property
    def training_forces(self) -> TrainingForces:
        """What the published training of this config compares with forces and stress."""
        return TrainingForces(
            multiplier=self.grad_multiplier,
            times_n_atoms=self.force_mult_natoms,
            both_ends=self.add_reverse_forces,
            through_angles=self.lg_on_fly,
            stress_multiplier=self.stress_multiplier,
            stress_per_batch=self.reads("batch_stress") and not self.batch_stress,
        )

    def reads(self, field: str) -> bool:
        """Whether this family uses a field."""
        return field not in self.IGNORED

    @property
    def unphysical_switches(self) -> tuple[str, ...]:
        """What makes the training forces or stress something else than derivatives of the energy, in words."""
        fields = dict(self)
        return tuple(
            f"{name} = {fields[name]}"
            for name, physical in PHYSICAL.items()
            if name in fields and self.reads(name) and fields[name] != physical
        )

    @property
    def training_differences(self) -> tuple[str, ...]:
        """What the published training of a loaded model did that no use of the model does, in words."""
        return self.unphysical_switches

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
        """Whether the penalty reads the envelope instead of the length, as some published models were trained."""
        return self.envelope == "published" and self.shapes_bonds and not self.multiply_cutoff

    @property
    def penalty_in_output(self) -> bool:
        """Whether a property contains the penalty of its structure, as published."""
        return self.use_penalty and not self.energy_mult_natoms


PHYSICAL: Final[dict[str, object]] = {
    "grad_multiplier": -1,
    "add_reverse_forces": True,
    "force_mult_natoms": False,
    "stress_multiplier": 1.0,
    "batch_stress": True,
    "lg_on_fly": True,
    "remove_torque": False,
}
"""Fields with the value at which forces and stress are derivatives of the energy."""
