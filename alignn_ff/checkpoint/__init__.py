"""Model files: one format of our own, versioned, safe to read."""

from alignn_ff.checkpoint.format import Checkpoint, Header, Provenance, TrainingDomain, load, read, save

__all__ = ["Checkpoint", "Header", "Provenance", "TrainingDomain", "load", "read", "save"]
