"""The config of a training run: its schema, how it is read, its reference."""

from alignn_ff.train.config.reading import validate_config
from alignn_ff.train.config.schema import TrainingConfig
from alignn_ff.train.config.splitting import CrossValidation

__all__ = ["CrossValidation", "TrainingConfig", "validate_config"]
