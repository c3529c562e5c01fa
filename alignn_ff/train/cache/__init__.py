"""Graphs that are built once, in an LMDB file that is used only where its digest agrees."""

from alignn_ff.train.cache.building import BuildStoppedError
from alignn_ff.train.cache.cache import Cache
from alignn_ff.train.cache.identity import (
    EntriesDigest,
    Identity,
    Reading,
    identify,
    identity_of,
    read_manifest,
    remember_reading,
)
from alignn_ff.train.cache.opening import Building, open_cache
from alignn_ff.train.cache.spool import Spool
from alignn_ff.train.cache.summaries import remembered_summary, summary_name

__all__ = [
    "BuildStoppedError",
    "Building",
    "Cache",
    "EntriesDigest",
    "Identity",
    "Reading",
    "Spool",
    "identify",
    "identity_of",
    "open_cache",
    "read_manifest",
    "remember_reading",
    "remembered_summary",
    "summary_name",
]
