"""The reference of the training config as Markdown and JSON Schema, made from the schema so that it cannot drift."""

import json
from collections.abc import Iterable
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alignn_ff.models import FAMILIES
from alignn_ff.train.config.schema import TrainingConfig
from alignn_ff.train.config.sections import KeyOf
from alignn_ff.train.config.splitting import CrossValidation

TOP_LEVEL: Final[dict[str, type[BaseModel]]] = {
    str(section.__doc__).strip().removesuffix("."): section for section in reversed(TrainingConfig.__bases__)
}
"""Title → section of the top level, in the order of the published reference."""

NESTED: Final[dict[str, type[BaseModel]]] = {
    "`cross_validation`": CrossValidation,
    **{f"`model`: `{name}`": family.config for name, family in FAMILIES.items()},
}

MODEL_ROW: Final = "| `model` | one of the families below | see below | family and its hyper-parameters |"


def markdown_reference() -> str:
    """One table per section: field, values, default, meaning."""
    top = "\n".join(f"## {title}\n\n{_table(schema)}" for title, schema in TOP_LEVEL.items())
    families = "\n".join(["## Model", "", *HEAD, MODEL_ROW, ""])
    nested = "\n".join(f"## {title}\n\n{_table(schema)}" for title, schema in NESTED.items())
    return "\n".join([top, families, nested])


def field_reference(name: str) -> list[tuple[str, str, str, str]]:
    """(place, values, default, meaning) of every field of this name, such as "cutoff" or "model.exponent"."""
    if name == "model":
        families = " · ".join(f"`{family}`" for family in FAMILIES)
        return [("Model", f"section; its name is one of {families}", "alignn_smooth", _meaning(TrainingConfig, name))]
    prefix, _, bare = name.rpartition(".")
    places = {**TOP_LEVEL, **NESTED} if not prefix else {k: v for k, v in NESTED.items() if prefix in k}
    return [
        (place, _values(schema.model_fields[bare]), _default(schema.model_fields[bare]), _meaning(schema, bare))
        for place, schema in places.items()
        if bare in schema.model_fields
    ]


def field_names() -> list[str]:
    """All fields: top level by name, those of sections as "cross_validation.fold", "model.exponent"."""
    names = list(TrainingConfig.model_fields)
    names += [f"cross_validation.{name}" for name in CrossValidation.model_fields]
    names += [f"model.{name}" for family in FAMILIES.values() for name in family.config.model_fields]
    return list(dict.fromkeys(names))


def json_schema() -> dict[str, Any]:
    """JSON Schema of a config file, for editors that complete and check."""
    schema = TrainingConfig.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Training config of alignn-ff",
    }


HEAD: Final = ("| field | values | default | meaning |", "|---|---|---|---|")


def _table(schema: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_escaped(_values(field))} | {_default(field)} | {_meaning(schema, name)} |"
        for name, field in schema.model_fields.items()
    ]
    return "\n".join([*HEAD, *rows, ""])


def _meaning(schema: type[BaseModel], name: str) -> str:
    return str(schema.model_fields[name].description)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "see below"
    return f"`{json.dumps(field.default)}`"


def _values(field: FieldInfo) -> str:
    """Allowed values: the words, or the type with its bounds."""
    tables = [item.table for item in field.metadata if isinstance(item, KeyOf)]
    words = _listed(tables[0]) if tables else _type_words(field.annotation)
    limits = [(sign, getattr(item, name, None)) for item in _metadata(field) for name, sign in SIGNS]
    return ", ".join([words, *(f"{sign} {limit}" for sign, limit in limits if limit is not None)])


SIGNS: Final = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
TYPE_WORDS: Final[dict[object, str]] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def _type_words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return _listed(get_args(annotation))
    if annotation in TYPE_WORDS:
        return TYPE_WORDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if get_origin(annotation) is dict:
        return "object"
    parts = [part for part in get_args(annotation) if not isinstance(part, FieldInfo)]
    return " or ".join(dict.fromkeys(_type_words(part) for part in parts)) or "any"


def _listed(words: Iterable[str]) -> str:
    return " · ".join(f"`{word}`" for word in words)


def _metadata(field: FieldInfo) -> Iterable[Any]:
    """Bounds of the field, also those inside "number or null"."""
    yield from field.metadata
    for part in get_args(field.annotation):
        for inner in getattr(part, "__metadata__", ()):
            yield from getattr(inner, "metadata", [inner])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
