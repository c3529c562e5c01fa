"""Training configs as a run takes them: where one starts from a model, what it leaves out is that model's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignn_ff.train import config
from alignn_ff.train.start.finetuning import completed_by_start


def load_config(path: Path, changes: Mapping[str, object] | None = None) -> config.TrainingConfig:
    """Read and check a JSON config.

    Args:
        path: of the file.
        changes: fields that take the place of those in the file; "model.name" is a field of the section ``model``.

    Raises:
        ConfigError: listing every problem.
        ModelNotFoundError, CheckpointError: the model that it starts from cannot be read.
    """
    return config.load_config(path, changes, complete=completed_by_start)


def validate_config(content: dict[str, Any], *, source: str = "config") -> config.TrainingConfig:
    """Check a config given as a dictionary.

    Raises:
        ConfigError, ModelNotFoundError, CheckpointError: as :func:`load_config`.
    """
    return config.validate_config(completed_by_start(content), source=source)
