"""Model files: one format of our own, versioned, safe to read; and those of the published package."""

from alignn_ff.checkpoint.format import Checkpoint, Header, Provenance, TrainingDomain, read, save
from alignn_ff.checkpoint.loading import load

__all__ = ["Checkpoint", "Header", "Provenance", "TrainingDomain", "load", "read", "save"]
