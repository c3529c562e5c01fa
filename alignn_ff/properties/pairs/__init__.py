"""Energy and force of two atoms over their distance."""

from alignn_ff.properties.pairs.config import DimerConfig
from alignn_ff.properties.pairs.dimers import dimers
from alignn_ff.properties.pairs.result import DimerResult

__all__ = ["DimerConfig", "DimerResult", "dimers"]
