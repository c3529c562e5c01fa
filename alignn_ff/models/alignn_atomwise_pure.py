"""``alignn_atomwise`` as the published pure-torch code has it: with ZBL and attention variants.

In: a graph and its edge vectors. Out: one energy per atom, or properties where the config asks for those.
"""

from collections.abc import Callable
from typing import Final, Literal, Self

from pydantic import Field, model_validator
from torch import nn

from alignn_ff.graph import GraphRecipe
from alignn_ff.models.base import EnergyModel, ModelStatistics, PropertyModel
from alignn_ff.models.config import Outputs
from alignn_ff.models.published.atomwise import build_atomwise
from alignn_ff.models.published.atomwise_config import AtomwiseConfig
from alignn_ff.models.published.network import NetworkParts
from alignn_ff.nn import GatedAverageConvolution, NodeAttentionConvolution, SelfAttentionConvolution

ConvolutionType = Literal["alignn", "n_alignn", "t_alignn"]


class AlignnAtomwisePureConfig(AtomwiseConfig):
    """Hyper-parameters of ``alignn_atomwise_pure``."""

    IGNORED = ("include_pos_deriv", "extra_features", "batch_stress")

    name: Literal["alignn_atomwise_pure"] = Field("alignn_atomwise_pure", description="family of the model")
    extra_features: int = Field(0, ge=0, description="accepted and ignored, as in the published code")
    batch_stress: bool = Field(True, description="accepted and ignored: one stress per structure")
    conv_type: ConvolutionType = Field(
        "alignn", description="gated average, node attention or self-attention (published code)"
    )
    num_heads: int = Field(1, ge=1, description="heads of the attention; divides hidden_features (published code)")
    use_zbl: bool | None = Field(False, description="ZBL repulsion; null: for force fields only (published code)")
    zbl_cutoff: float = Field(0.9, gt=0, description="where ZBL ends, Å (published code)")
    three_body_cutoff: float | None = Field(
        None, gt=0, description="accepted and ignored: that of the graph is used (published code)"
    )

    @model_validator(mode="after")
    def _heads_divide_channels(self) -> Self:
        if self.conv_type != "alignn" and self.hidden_features % self.num_heads:
            raise ValueError(f"num_heads ({self.num_heads}) must divide hidden_features ({self.hidden_features})")
        return self

    @property
    def outputs(self) -> Outputs:
        """Those of all force fields; only the gated average takes averages."""
        return super().outputs._replace(averages_neighbours=self.conv_type == "alignn")

    @property
    def fingerprint_width(self) -> int:
        """None: this family ignores extra_features."""
        return 0

    @property
    def zbl_end(self) -> float | None:
        """Å, where ZBL ends; only force fields have it, whatever ``use_zbl`` is."""
        wanted = self.use_zbl is None or self.use_zbl
        return self.zbl_cutoff if wanted and self.calculates_forces else None

    @property
    def penalty_reads_envelope(self) -> bool:
        """Never: this family's penalty reads lengths."""
        return False

    @property
    def penalty_in_output(self) -> bool:
        """Never: this family's property output has no penalty."""
        return False


CONVOLUTIONS: Final[dict[ConvolutionType, Callable[[AlignnAtomwisePureConfig], nn.Module]]] = {
    "alignn": lambda config: GatedAverageConvolution(config.hidden_features),
    "n_alignn": lambda config: NodeAttentionConvolution(config.hidden_features, config.num_heads),
    "t_alignn": lambda config: SelfAttentionConvolution(config.hidden_features, config.num_heads),
}


def build_alignn_atomwise_pure(
    config: AlignnAtomwisePureConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> EnergyModel | PropertyModel:
    """A model with random weights."""
    parts = NetworkParts("layer", lambda: CONVOLUTIONS[config.conv_type](config))
    return build_atomwise(config, recipe, elements, statistics, parts)
