"""The melting temperature from a crystal that is in equilibrium with its liquid."""

from alignn_ff.properties.coexistence.config import MeltingConfig
from alignn_ff.properties.coexistence.melting import melting
from alignn_ff.properties.coexistence.result import MeltingResult

__all__ = ["MeltingConfig", "MeltingResult", "melting"]
