"""Which families exist: name → (config, model), and the union of their configs, told apart by ``name``."""

from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Discriminator, Tag

from alignn_ff.graph import GraphRecipe
from alignn_ff.models.alignn import AlignnConfig, build_alignn
from alignn_ff.models.alignn_atomwise import AlignnAtomwiseConfig, build_alignn_atomwise
from alignn_ff.models.alignn_atomwise_pure import AlignnAtomwisePureConfig, build_alignn_atomwise_pure
from alignn_ff.models.alignn_smooth import AlignnSmooth, AlignnSmoothConfig
from alignn_ff.models.base import EnergyModel, ModelKind, ModelStatistics, PropertyModel
from alignn_ff.models.ealignn_atomwise import EalignnAtomwiseConfig, build_ealignn_atomwise

DEFAULT_FAMILY: Final = "alignn_smooth"
"""Family of a config that names none."""


def _family_of(config: object) -> str:
    name = config.get("name", DEFAULT_FAMILY) if isinstance(config, dict) else getattr(config, "name", None)
    return str(name)


ModelConfig = Annotated[
    Annotated[AlignnSmoothConfig, Tag("alignn_smooth")]
    | Annotated[AlignnConfig, Tag("alignn")]
    | Annotated[AlignnAtomwiseConfig, Tag("alignn_atomwise")]
    | Annotated[AlignnAtomwisePureConfig, Tag("alignn_atomwise_pure")]
    | Annotated[EalignnAtomwiseConfig, Tag("ealignn_atomwise")],
    Discriminator(_family_of),
]
"""Config of any family."""

Build = Callable[[Any, GraphRecipe, tuple[int, ...], ModelStatistics], EnergyModel | PropertyModel]


class Family(NamedTuple):
    """One family of models.

    Attributes:
        config: schema of its hyper-parameters.
        build: (config, recipe, elements, statistics) → model with random weights.
        smooth: whether the energy is C² in all positions and the cell.
        kinds: what its configs may make of it; ``config.kind`` says which.
    """

    config: type[
        AlignnSmoothConfig | AlignnConfig | AlignnAtomwiseConfig | AlignnAtomwisePureConfig | EalignnAtomwiseConfig
    ]
    build: Build
    smooth: bool
    kinds: tuple[ModelKind, ...]


FAMILIES: Final[dict[str, Family]] = {
    "alignn_smooth": Family(AlignnSmoothConfig, AlignnSmooth, smooth=True, kinds=("energy",)),
    "alignn": Family(AlignnConfig, build_alignn, smooth=False, kinds=("property",)),
    "alignn_atomwise": Family(AlignnAtomwiseConfig, build_alignn_atomwise, smooth=False, kinds=("energy", "property")),
    "alignn_atomwise_pure": Family(
        AlignnAtomwisePureConfig, build_alignn_atomwise_pure, smooth=False, kinds=("energy", "property")
    ),
    "ealignn_atomwise": Family(
        EalignnAtomwiseConfig, build_ealignn_atomwise, smooth=False, kinds=("energy", "property")
    ),
}


def build_model(
    config: ModelConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> EnergyModel | PropertyModel:
    """A model of the family that ``config.name`` names, with random weights in float32."""
    return FAMILIES[config.name].build(config, recipe, elements, statistics)
