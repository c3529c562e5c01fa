"""Model files: one format of our own, versioned, safe to read; and those of the published package."""

from alignn_ff.checkpoint.format import (
    CalibrationGroups,
    Checkpoint,
    Header,
    Member,
    Provenance,
    SpreadFactors,
    TrainingDomain,
    Uncertainty,
    UncertaintyMethod,
    from_bytes,
    read,
    save,
    to_bytes,
)
from alignn_ff.checkpoint.loading import load

__all__ = [
    "CalibrationGroups",
    "Checkpoint",
    "Header",
    "Member",
    "Provenance",
    "SpreadFactors",
    "TrainingDomain",
    "Uncertainty",
    "UncertaintyMethod",
    "from_bytes",
    "load",
    "read",
    "save",
    "to_bytes",
]
