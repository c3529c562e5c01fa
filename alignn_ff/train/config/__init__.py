"""The config of a training run: its schema, how it is read, its reference."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.train.config.reading import validate_config
    from alignn_ff.train.config.schema import TrainingConfig
    from alignn_ff.train.config.splitting import CrossValidation

__all__ = ["CrossValidation", "TrainingConfig", "validate_config"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.train.config.reading": ("validate_config",),
        "alignn_ff.train.config.schema": ("TrainingConfig",),
        "alignn_ff.train.config.splitting": ("CrossValidation",),
    },
)
