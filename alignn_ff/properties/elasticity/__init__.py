"""Elastic constants of a crystal by finite strain, and what follows from them."""

from alignn_ff.properties.elasticity.config import ElasticConfig
from alignn_ff.properties.elasticity.constants import elastic_constants
from alignn_ff.properties.elasticity.result import ElasticResult

__all__ = ["ElasticConfig", "ElasticResult", "elastic_constants"]
