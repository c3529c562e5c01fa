"""Families of models, and the derivatives of their energy."""

from alignn_ff.models.alignn import AlignnConfig
from alignn_ff.models.alignn_atomwise import AlignnAtomwiseConfig
from alignn_ff.models.alignn_atomwise_pure import AlignnAtomwisePureConfig
from alignn_ff.models.alignn_smooth import AlignnSmooth, AlignnSmoothConfig
from alignn_ff.models.base import (
    MAX_ATOMIC_NUMBER,
    EnergyModel,
    ForceFieldConfig,
    Heads,
    ModelKind,
    ModelStatistics,
    PropertyModel,
)
from alignn_ff.models.derivatives import assemble, predict, predict_with_heads
from alignn_ff.models.ealignn_atomwise import EalignnAtomwiseConfig
from alignn_ff.models.published_derivatives import (
    predict_as_published,
    predict_as_published_with_heads,
    training_differences,
    unphysical_switches,
)
from alignn_ff.models.registry import FAMILIES, ModelConfig, build_model

__all__ = [
    "FAMILIES",
    "MAX_ATOMIC_NUMBER",
    "AlignnAtomwiseConfig",
    "AlignnAtomwisePureConfig",
    "AlignnConfig",
    "AlignnSmooth",
    "AlignnSmoothConfig",
    "EalignnAtomwiseConfig",
    "EnergyModel",
    "ForceFieldConfig",
    "Heads",
    "ModelConfig",
    "ModelKind",
    "ModelStatistics",
    "PropertyModel",
    "assemble",
    "build_model",
    "predict",
    "predict_as_published",
    "predict_as_published_with_heads",
    "predict_with_heads",
    "training_differences",
    "unphysical_switches",
]
