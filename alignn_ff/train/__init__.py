"""Training on DFT data: one JSON config in, a model file and its metrics out."""

from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.configuration import load_config, validate_config
from alignn_ff.train.datasets import DataKeys, read_records
from alignn_ff.train.evaluation import evaluate_file, records_for
from alignn_ff.train.interrupt import TrainingInterruptedError
from alignn_ff.train.loop.state import Progress
from alignn_ff.train.loop.trainer import Observer
from alignn_ff.train.metrics import Comparison, compare, errors, summarise
from alignn_ff.train.records.record import Record
from alignn_ff.train.run import TrainingResult, train

__all__ = [
    "Comparison",
    "DataKeys",
    "Observer",
    "Progress",
    "Record",
    "TrainingConfig",
    "TrainingInterruptedError",
    "TrainingResult",
    "compare",
    "errors",
    "evaluate_file",
    "load_config",
    "read_records",
    "records_for",
    "summarise",
    "train",
    "validate_config",
]
