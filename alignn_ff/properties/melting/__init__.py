"""The melting temperature from a crystal that is in equilibrium with its liquid."""

from alignn_ff.properties.melting.config import MeltingConfig
from alignn_ff.properties.melting.melting import melting
from alignn_ff.properties.melting.result import MeltingResult

__all__ = ["MeltingConfig", "MeltingResult", "melting"]
