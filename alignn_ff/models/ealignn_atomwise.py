"""The published ``ealignn_atomwise``: ALIGNN on the bonds below ``inner_cutoff``.

In: a graph and its edge vectors. Out: one energy per atom, or properties where the config asks for those. Its name
stands for "equivariant", but its layers are those of ``alignn_atomwise``. As published, its training forces are not
derivatives of its energy (see ``published_derivatives.py``).
"""

from typing import ClassVar, Literal

from pydantic import Field

from alignn_ff.graph import GraphRecipe
from alignn_ff.models.base import EnergyModel, ModelStatistics, PropertyModel
from alignn_ff.models.published.atomwise import build_atomwise
from alignn_ff.models.published.atomwise_config import AtomwiseConfig, TrainingForces
from alignn_ff.models.published.config import Activation
from alignn_ff.models.published.network import NetworkParts
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

    HEADS: ClassVar[frozenset[str]] = AtomwiseConfig.HEADS | {"remove_torque"}

    name: Literal["ealignn_atomwise"] = Field("ealignn_atomwise", description="family of the model")
    inner_cutoff: float = Field(4.0, gt=0, description="Å; longer bonds are left out if there are alignn_layers")
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
    def class_width(self) -> int:
        """One probability."""
        return 1

    @property
    def n_classes(self) -> int:
        """Two classes by one probability."""
        return max(self.n_outputs, 2)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """A class is one probability; other links are ignored."""
        return ("logit",) if self.classification else ("identity",)

    @property
    def training_forces(self) -> TrainingForces:
        """Times the number of atoms, as published."""
        return TrainingForces(
            times_n_atoms=True, without_torque=self.remove_torque, stress_multiplier=self.stress_multiplier
        )

    @property
    def unphysical_switches(self) -> tuple[str, ...]:
        """Those of all force fields, and the number of atoms."""
        return (*super().unphysical_switches, "forces and stress multiplied by the number of atoms")

    @property
    def training_differences(self) -> tuple[str, ...]:
        """Switches, and the wrong bonds that loaded models were trained with."""
        if self.envelope != "published" or self.alignn_layers == 0:
            return self.unphysical_switches
        return (
            *self.unphysical_switches,
            "bonds across the cell's faces of a wrong length (whole cell translations counted as 1 Å), so that its "
            "energies of periodic structures are not those of its training",
        )


def build_ealignn_atomwise(
    config: EalignnAtomwiseConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> EnergyModel | PropertyModel:
    """A model with random weights."""
    parts = NetworkParts("layer", lambda: GatedAverageConvolution(config.hidden_features))
    return build_atomwise(config, recipe, elements, statistics, parts)
