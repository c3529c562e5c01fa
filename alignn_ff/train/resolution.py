"""From what a user gives to the one config that a run uses.

In this order: file, changes, data, start model, completion, schema, choices. The result is a :class:`ResolvedConfig`;
nothing after it reads the file or the start model again. Only the number of outputs can still change, since it follows
from the first record (:func:`with_outputs_of`).
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from alignn_ff.graph import GraphRecipe
from alignn_ff.train import config as schema
from alignn_ff.train.checks import check_choices
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.config.advice import advice
from alignn_ff.train.config.reading import read_content
from alignn_ff.train.datasets import output_width
from alignn_ff.train.records.record import Record
from alignn_ff.train.start.model import Start, check_size, completed_by_start, load_start, recipe_of

log = logging.getLogger(__name__)


class ResolvedConfig(NamedTuple):
    """Everything that decides a run, complete and checked.

    Attributes:
        config: of the run.
        start: the model that it starts from; None for random weights.
        recipe: of its graphs.
    """

    config: TrainingConfig
    start: Start | None
    recipe: GraphRecipe


def load_config(path: str | Path, changes: Mapping[str, object] | None = None) -> TrainingConfig:
    """Read and check a JSON config; where it starts from a model, fields that it leaves out are those of that model.

    Args:
        path: of the file.
        changes: fields that take the place of those in the file; "model.name" is a field of the section ``model``.

    Raises:
        ConfigError: listing every problem.
        ModelNotFoundError, CheckpointError: the model that it starts from cannot be read.
    """
    path = Path(path)
    return _completed(read_content(path, changes), source=str(path))[0]


def validate_config(content: dict[str, Any], *, source: str = "config") -> TrainingConfig:
    """Check a config given as a dictionary.

    Raises:
        ConfigError, ModelNotFoundError, CheckpointError: as :func:`load_config`.
    """
    return _completed(content, source=source)[0]


def resolve_file(
    path: str | Path, changes: Mapping[str, object] | None = None, *, data: str | Path | None = None
) -> ResolvedConfig:
    """Resolve a JSON config.

    Args:
        path, changes: as in :func:`load_config`.
        data: file or folder; takes the place of ``data`` and ``dataset`` in the config.

    Raises:
        ConfigError, ModelNotFoundError, CheckpointError: as :func:`load_config`.
    """
    path = Path(path)
    data = None if data is None else Path(data)
    content = {**read_content(path, changes), **_data_fields(data)}
    config, start = _completed(content, source=str(path))
    _check(config)
    check_size(config, start)
    return ResolvedConfig(config, start, recipe_of(config, start))


def resolve(config: TrainingConfig, *, data: str | Path | None = None) -> ResolvedConfig:
    """Resolve a config that has been validated; arguments and errors as in :func:`resolve_file`."""
    data = None if data is None else Path(data)
    config = changed(config, **_data_fields(data))
    _check(config)
    start = None if config.start_from is None else load_start(config.start_from)
    check_size(config, start)
    return ResolvedConfig(config, start, recipe_of(config, start))


def with_outputs_of(resolved: ResolvedConfig, record: Record) -> ResolvedConfig:
    """The same with as many outputs as the target of a record has numbers, where the config leaves that out.

    Raises:
        ConfigError: the config has another number.
    """
    config = resolved.config
    width = output_width(config, [record])
    if width is None:
        return resolved
    log.info("model.output_features: %d, as the targets have numbers", width)
    model = {**config.model.model_dump(), "output_features": width}
    return resolved._replace(config=changed(config, model=model))


def changed(config: TrainingConfig, **fields: object) -> TrainingConfig:
    """The config with other values of some fields, checked again.

    Raises:
        ConfigError: the new values do not fit.
    """
    return schema.validate_config({**config.model_dump(), **fields}) if fields else config


def _data_fields(data: Path | None) -> dict[str, object]:
    return {} if data is None else {"data": str(data), "dataset": "user_data"}


def _completed(content: dict[str, Any], *, source: str) -> tuple[TrainingConfig, Start | None]:
    name = content.get("start_from")
    if not isinstance(name, str):
        return schema.validate_config(content, source=source), None
    start = load_start(name)
    return schema.validate_config(completed_by_start(content, start), source=source), start


def _check(config: TrainingConfig) -> None:
    """Checks that need neither the start model nor data."""
    check_choices(config)
    for sentence in advice(config):
        log.warning(sentence)
