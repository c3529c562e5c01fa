"""Graphs that are built once, in an LMDB file that is used only where its digest agrees."""

from alignn_ff.train.cache.building import BuildStoppedError
from alignn_ff.train.cache.cache import Cache
from alignn_ff.train.cache.identity import Identity, identify
from alignn_ff.train.cache.opening import Building, open_cache

__all__ = ["BuildStoppedError", "Building", "Cache", "Identity", "identify", "open_cache"]
