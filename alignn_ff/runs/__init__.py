"""What every run shares: its configuration, the record of its model, its output files, its restart file."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.runs.config import RunConfig
    from alignn_ff.runs.evaluation import SinglePoint, single_point
    from alignn_ff.runs.model_record import ModelRecord, describe_model, software_versions
    from alignn_ff.runs.output_files import check_format, claim

__all__ = [
    "ModelRecord",
    "RunConfig",
    "SinglePoint",
    "check_format",
    "claim",
    "describe_model",
    "single_point",
    "software_versions",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.runs.output_files": (
            "check_format",
            "claim",
        ),
        "alignn_ff.runs.config": ("RunConfig",),
        "alignn_ff.runs.model_record": (
            "ModelRecord",
            "describe_model",
            "software_versions",
        ),
        "alignn_ff.runs.evaluation": (
            "SinglePoint",
            "single_point",
        ),
    },
)
