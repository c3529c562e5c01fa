"""Training on DFT data: one JSON config in, a model file and its metrics out."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.train.config import TrainingConfig
    from alignn_ff.train.datasets import DataKeys, read_records
    from alignn_ff.train.evaluation import evaluate_file, records_for
    from alignn_ff.train.interrupt import TrainingInterruptedError
    from alignn_ff.train.loop.observers import Observer
    from alignn_ff.train.loop.state import Progress
    from alignn_ff.train.metrics import Comparison, compare, errors, summarise
    from alignn_ff.train.records.record import Record
    from alignn_ff.train.resolution import ResolvedConfig, load_config, resolve, resolve_file, validate_config
    from alignn_ff.train.run import train, train_resolved
    from alignn_ff.train.session import TrainingResult

__all__ = [
    "Comparison",
    "DataKeys",
    "Observer",
    "Progress",
    "Record",
    "ResolvedConfig",
    "TrainingConfig",
    "TrainingInterruptedError",
    "TrainingResult",
    "compare",
    "errors",
    "evaluate_file",
    "load_config",
    "read_records",
    "records_for",
    "resolve",
    "resolve_file",
    "summarise",
    "train",
    "train_resolved",
    "validate_config",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.train.config": ("TrainingConfig",),
        "alignn_ff.train.datasets": (
            "DataKeys",
            "read_records",
        ),
        "alignn_ff.train.evaluation": (
            "evaluate_file",
            "records_for",
        ),
        "alignn_ff.train.interrupt": ("TrainingInterruptedError",),
        "alignn_ff.train.loop.state": ("Progress",),
        "alignn_ff.train.loop.observers": ("Observer",),
        "alignn_ff.train.metrics": (
            "Comparison",
            "compare",
            "errors",
            "summarise",
        ),
        "alignn_ff.train.records.record": ("Record",),
        "alignn_ff.train.resolution": (
            "ResolvedConfig",
            "load_config",
            "resolve",
            "resolve_file",
            "validate_config",
        ),
        "alignn_ff.train.session": ("TrainingResult",),
        "alignn_ff.train.run": (
            "train",
            "train_resolved",
        ),
    },
)
