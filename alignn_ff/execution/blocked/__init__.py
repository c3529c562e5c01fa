"""The published force fields in blocks: a bounded part of the memory, and a reverse pass organised by hand."""

from alignn_ff.execution.blocked.build import build_blocked
from alignn_ff.execution.blocked.weights import refusal

__all__ = ["build_blocked", "refusal"]
