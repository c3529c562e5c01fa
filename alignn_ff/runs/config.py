"""The base of all configs: frozen, closed, each field with its unit.

A value that is not allowed raises :class:`ConfigError`.
"""

import re
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails

from alignn_ff.choices import did_you_mean
from alignn_ff.errors import ConfigError


class RunConfig(BaseModel):
    """Base of the configs: frozen, closed, with finite numbers only and readable errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _errors_for_people(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            problems = error.errors()
            inside = {problem["loc"][0] for problem in problems if len(problem["loc"]) > 1}
            shown = [problem for problem in problems if len(problem["loc"]) != 1 or problem["loc"][0] not in inside]
            shown = _one_branch(shown)
            raise ConfigError("; ".join(_in_words(cls, problem) for problem in shown)) from error


def _one_branch(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """Of a field that may be of several types, the problem of the type that the value has; else of the first type."""
    kept: dict[str, ErrorDetails] = {}
    for problem in problems:
        place = _place(problem) if problem["loc"] else ""
        first = kept.setdefault(place, problem)
        if _wrong_type(first) and not _wrong_type(problem):
            kept[place] = problem
    return list(kept.values())


def _wrong_type(problem: ErrorDetails) -> bool:
    """Whether the value is of another type."""
    return problem["type"].endswith(("_type", "_parsing"))


def _in_words(config: type[BaseModel], problem: ErrorDetails) -> str:
    field = str(problem["loc"][0]) if problem["loc"] else config.__name__
    if field not in config.model_fields:
        allowed = config.model_fields
        return f"{field} is not a setting; allowed are {', '.join(allowed)}{did_you_mean(field, allowed)}"
    if problem["type"] == "missing":
        return f"{field} is missing ({config.model_fields[field].description})"
    reason = problem["msg"].replace("Input should", "it should")
    words = re.findall("'([^']+)'", problem.get("ctx", {}).get("expected", ""))
    near = did_you_mean(str(problem["input"]), words)
    return f"{_place(problem)} is {problem['input']!r}, but {reason} ({config.model_fields[field].description}){near}"


def _place(problem: ErrorDetails) -> str:
    """The field, with the index of the element in a sequence: "formats.0"."""
    field, *inside = problem["loc"]
    return ".".join([str(field), *(str(step) for step in inside if isinstance(step, int))])
