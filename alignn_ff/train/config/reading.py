"""Configs from files and dictionaries, with all problems in one message."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from alignn_ff.errors import ConfigError
from alignn_ff.models import FAMILIES, AlignnSmoothConfig
from alignn_ff.train.config.schema import TrainingConfig
from alignn_ff.train.config.splitting import CrossValidation


def read_content(path: Path, changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The content of a JSON config, not checked yet.

    Args:
        path: of the file.
        changes: fields that take the place of those in the file; "model.name" is a field of the section ``model``.

    Raises:
        ConfigError: the file is missing, empty, or not a JSON object.
    """
    if not path.is_file():
        raise ConfigError(f"no such config file: {path}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file; a training config is JSON") from error
    if not text.strip():
        raise ConfigError(f"the config file {path} is empty; the smallest one is {{}}")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold one JSON object {{…}}, but holds a {type(content).__name__}")
    for name, value in (changes or {}).items():
        content = _with(content, name.split("."), value)
    checked: dict[str, Any] = content
    return checked


def validate_config(content: dict[str, Any], *, source: str = "config") -> TrainingConfig:
    """Check a config given as a dictionary.

    Raises:
        ConfigError: listing every problem.
    """
    try:
        return TrainingConfig.model_validate(content)
    except ValidationError as error:
        problems = "\n".join(f"  - {_explain(item)}" for item in error.errors())
        raise ConfigError(f"{source} is not valid:\n{problems}") from error


def _with(content: dict[str, Any], names: Sequence[str], value: object) -> dict[str, Any]:
    """The content with one field of it, or of a section in it, changed."""
    first, *rest = names
    if not rest:
        return {**content, first: value}
    section = content.get(first)
    return {**content, first: _with(section if isinstance(section, dict) else {}, rest, value)}


def _explain(problem: Any) -> str:
    location = [part for k, part in enumerate(problem["loc"]) if k == 0 or part not in FAMILIES]
    where = ".".join(str(part) for part in location) or "config"
    if problem["type"] == "extra_forbidden":
        owner = _fields_at(problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), owner, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(sorted(owner))}"
        return f"unknown field {where!r}; {hint}"
    given = "" if isinstance(problem["input"], dict) else f" (given: {problem['input']!r})"
    return f"{where}: {str(problem['msg']).removeprefix('Value error, ')}{given}"


def _fields_at(location: Iterable[str | int]) -> list[str]:
    """Known fields of the section that a location in the config names; a family's section is named by the family."""
    sections: dict[str, type[BaseModel]] = {"model": AlignnSmoothConfig, "cross_validation": CrossValidation}
    sections |= {name: family.config for name, family in FAMILIES.items()}
    named = [sections[str(part)] for part in location if str(part) in sections]
    return list((named[-1] if named else TrainingConfig).model_fields)
