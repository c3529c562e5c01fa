"""The reference of the training schema as Markdown, made from the schema itself so that it cannot drift."""

import json

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alignn_ff.models import FAMILIES
from alignn_ff.train.config.schema import TrainingConfig
from alignn_ff.train.config.splitting import CrossValidation

SECTIONS: dict[str, type[BaseModel]] = {
    "Training": TrainingConfig,
    "`cross_validation`": CrossValidation,
    **{f"`model`: `{name}`": family.config for name, family in FAMILIES.items()},
}


def markdown_reference() -> str:
    """One table a section: field, default, meaning."""
    return "\n".join(f"## {title}\n\n{_table(schema)}" for title, schema in SECTIONS.items())


def _table(schema: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in schema.model_fields.items()]
    return "\n".join(["| field | default | meaning |", "|---|---|---|", *rows, ""])


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "see below"
    if field.default is PydanticUndefined:
        return "required"
    return f"`{json.dumps(field.default)}`"
