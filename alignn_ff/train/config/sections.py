"""What all sections of the training config share: frozen, closed, every field documented; words from tables."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Section(BaseModel):
    """A part of the training config.

    A field whose description ends in "(ours)" is an addition; "(published code)" is in the published package, but
    not in its reference; any other is in that reference, with the same default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyOf:
    """Annotation of a field whose value is a key of a table.

    The table is read when a config is checked and when the reference is written, so a row added to it is allowed and
    documented at once.
    """

    def __init__(self, table: Mapping[str, object]) -> None:
        self.table = table

    def check(self, word: str) -> str:
        """The word itself.

        Raises:
            ValueError: it is not in the table.
        """
        if word not in self.table:
            *others, last = (repr(key) for key in self.table)
            raise ValueError(f"Input should be {', '.join(others)} or {last}")
        return word

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self.table)}
