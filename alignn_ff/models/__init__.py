"""Families of models, and the derivatives of their energy."""

from alignn_ff.models.alignn_smooth import AlignnSmooth, AlignnSmoothConfig
from alignn_ff.models.base import MAX_ATOMIC_NUMBER, EnergyModel, ModelStatistics
from alignn_ff.models.derivatives import predict
from alignn_ff.models.registry import FAMILIES, ModelConfig, build_model

__all__ = [
    "FAMILIES",
    "MAX_ATOMIC_NUMBER",
    "AlignnSmooth",
    "AlignnSmoothConfig",
    "EnergyModel",
    "ModelConfig",
    "ModelStatistics",
    "build_model",
    "predict",
]
