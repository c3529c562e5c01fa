"""Which families exist: name → (config, model)."""

from collections.abc import Callable
from typing import Final, NamedTuple

from alignn_ff.graph import GraphRecipe
from alignn_ff.models.alignn_smooth import AlignnSmooth, AlignnSmoothConfig
from alignn_ff.models.base import EnergyModel, ModelStatistics


class Family(NamedTuple):
    """One family of models.

    Attributes:
        config: schema of its hyper-parameters.
        build: (config, recipe, elements, statistics) → model with random weights.
        smooth: whether the energy is C² in all positions and the cell.
    """

    config: type[AlignnSmoothConfig]
    build: Callable[[AlignnSmoothConfig, GraphRecipe, tuple[int, ...], ModelStatistics], EnergyModel]
    smooth: bool


FAMILIES: Final[dict[str, Family]] = {
    "alignn_smooth": Family(config=AlignnSmoothConfig, build=AlignnSmooth, smooth=True),
}

ModelConfig = AlignnSmoothConfig
"""Union of all families' configs, told apart by ``name``."""


def build_model(
    config: ModelConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> EnergyModel:
    """A model of the family that ``config.name`` names, with random weights in float32."""
    return FAMILIES[config.name].build(config, recipe, elements, statistics)
