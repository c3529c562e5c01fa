"""The reference of the training schema as Markdown, made from the schema itself so that it cannot drift."""

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alignn_ff.models import AlignnSmoothConfig
from alignn_ff.train.config import CrossValidation, TrainingConfig

SECTIONS: dict[str, type[BaseModel]] = {
    "Training": TrainingConfig,
    "`cross_validation`": CrossValidation,
    "`model`: `alignn_smooth`": AlignnSmoothConfig,
}


def markdown_reference() -> str:
    """One table a section: field, default, meaning."""
    return "\n".join(f"## {title}\n\n{_table(schema)}" for title, schema in SECTIONS.items())


def _table(schema: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in schema.model_fields.items()]
    return "\n".join(["| field | default | meaning |", "|---|---|---|", *rows, ""])


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=False)
    if isinstance(value, str):
        return f'`"{value}"`'
    if value is None and field.default_factory is not None:
        return "see below"
    if value is PydanticUndefined:
        return "required"
    return {None: "null", True: "true", False: "false"}.get(value, f"`{value}`")
