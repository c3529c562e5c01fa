"""Fields of a config whose value is a key of a table, and the name that was probably meant.

The table is read when a value is checked, so a row that was added later, also from outside the package, is allowed.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The end of a message about a word that is none of the names; empty if none is near."""
    near = nearest(word, names)
    return f"; did you mean {near!r}?" if near is not None else ""


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant; None if none is near."""
    return next(iter(difflib.get_close_matches(word, list(names), n=1)), None)


class Explained(Protocol):
    """A row that explains itself.

    Attributes:
        help: what it is, in a few words.
    """

    @property
    def help(self) -> str: ...  # noqa: D102


class KeyOf:
    """Annotation of a string that must be a key of a table: ``Annotated[str, KeyOf(TABLE)]``.

    The JSON Schema lists the keys and what each row is.

    Args:
        table: name → row.
    """

    def __init__(self, table: Mapping[str, Explained]) -> None:
        self.table: Final = table

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = [row.help for row in self.table.values()]
        return {**handler(schema), "enum": list(self.table), "enumDescriptions": described}

    def _check(self, value: str) -> str:
        if value in self.table:
            return value
        *others, last = map(repr, self.table)
        expected = f"{', '.join(others)} or {last}" if others else last
        raise PydanticCustomError("key_of_table", "Input should be {expected}", {"expected": expected})
