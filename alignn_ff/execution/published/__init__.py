"""The published force fields in blocks: a bounded part of the memory, and a reverse pass organised by hand."""

from alignn_ff.execution.published.build import build_blocked, build_native, native_refusal
from alignn_ff.execution.published.weights import refusal

__all__ = ["build_blocked", "build_native", "native_refusal", "refusal"]
