"""Common parts of all runs: configuration, record of the model, restart file."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.runs.config import RunConfig
    from alignn_ff.runs.evaluation import SinglePoint, single_point
    from alignn_ff.runs.model_record import ModelRecord, describe_model, software_versions

__all__ = [
    "ModelRecord",
    "RunConfig",
    "SinglePoint",
    "describe_model",
    "single_point",
    "software_versions",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
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
