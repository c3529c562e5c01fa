"""What every run shares: its configuration, the record of its model, its restart file."""

from alignn_ff.runs.config import RunConfig
from alignn_ff.runs.model_record import ModelRecord, describe_model, software_versions
from alignn_ff.runs.single_point import SinglePoint, single_point

__all__ = [
    "ModelRecord",
    "RunConfig",
    "SinglePoint",
    "describe_model",
    "single_point",
    "software_versions",
]
