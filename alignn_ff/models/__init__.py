"""Families of models, and the derivatives of their energy."""

from alignn_ff.models.alignn import AlignnConfig
from alignn_ff.models.alignn_atomwise import AlignnAtomwiseConfig
from alignn_ff.models.alignn_atomwise_pure import AlignnAtomwisePureConfig
from alignn_ff.models.alignn_smooth import AlignnSmooth, AlignnSmoothConfig
from alignn_ff.models.base import (
    MAX_ATOMIC_NUMBER,
    ElementTable,
    EnergyModel,
    Heads,
    ModelStatistics,
    PropertyModel,
    element_rows,
)
from alignn_ff.models.committee import Committee, mean_prediction
from alignn_ff.models.config import ForceFieldConfig, LayerSizes, Link, ModelConfig, ModelKind, Outputs
from alignn_ff.models.derivatives import assemble, predict, predict_with_heads
from alignn_ff.models.ealignn_atomwise import EalignnAtomwiseConfig
from alignn_ff.models.last_layer import (
    LastLayer,
    LastLayerRecord,
    Posterior,
    Products,
    label_products,
    posterior_factor,
)
from alignn_ff.models.published.derivatives import predict_as_published, predict_as_published_with_heads
from alignn_ff.models.registry import (
    DEFAULT_FAMILY,
    FAMILIES,
    AnyModelConfig,
    Family,
    build_model,
    validate_model_config,
)

__all__ = [
    "DEFAULT_FAMILY",
    "FAMILIES",
    "MAX_ATOMIC_NUMBER",
    "AlignnAtomwiseConfig",
    "AlignnAtomwisePureConfig",
    "AlignnConfig",
    "AlignnSmooth",
    "AlignnSmoothConfig",
    "AnyModelConfig",
    "Committee",
    "EalignnAtomwiseConfig",
    "ElementTable",
    "EnergyModel",
    "Family",
    "ForceFieldConfig",
    "Heads",
    "LastLayer",
    "LastLayerRecord",
    "LayerSizes",
    "Link",
    "ModelConfig",
    "ModelKind",
    "ModelStatistics",
    "Outputs",
    "Posterior",
    "Products",
    "PropertyModel",
    "assemble",
    "build_model",
    "element_rows",
    "label_products",
    "mean_prediction",
    "posterior_factor",
    "predict",
    "predict_as_published",
    "predict_as_published_with_heads",
    "predict_with_heads",
    "validate_model_config",
]
