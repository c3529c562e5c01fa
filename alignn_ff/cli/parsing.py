"""Convert command-line input to objects of the library."""

import json
import re
from typing import TYPE_CHECKING, Any, Final

from alignn_ff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic.fields import FieldInfo

    from alignn_ff.execution import Limits
    from alignn_ff.train import DataKeys


def parse_limits(memory_limit: str | None) -> "Limits | None":
    """Limits of an evaluation: "4GB", "500 MB", "2GiB"; None means no limit.

    Raises:
        ConfigError: anything else.
    """
    from alignn_ff.execution import Limits

    if memory_limit is None:
        return None
    parts = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([kMGT]i?)B\s*", memory_limit)
    if parts is None or float(parts[1]) == 0:
        raise ConfigError(f"memory limit is {memory_limit!r}; it takes a number and kB, MB, GB, KiB, MiB, GiB: 4GB")
    base = 1024 if parts[2].endswith("i") else 1000
    return Limits(memory_bytes=int(float(parts[1]) * base ** (1 + "kMGT".index(parts[2][0]))))


def parse_supercell(text: str) -> tuple[int, int, int]:
    """Three whole numbers, "3,3,3", "3x3x3" or "3 3 3", or one for all directions.

    Raises:
        ConfigError: anything else.
    """
    parts = re.split(r"\s*[\s,x×]\s*", text.strip())
    parts = parts * 3 if len(parts) == 1 else parts
    if len(parts) != 3 or not all(re.fullmatch(r"[1-9]\d{0,5}", part) for part in parts):
        raise ConfigError(f"supercell is {text!r}; it takes one whole number of at least 1, or three, such as 3,3,3")
    first, second, third = (int(part) for part in parts)
    return first, second, third


def parse_elements(text: str) -> frozenset[str]:
    """Chemical symbols: "Si,Ge" or "Si Ge".

    Raises:
        ConfigError: a word is not an element.
    """
    from ase.data import atomic_numbers

    symbols = frozenset(re.split(r"[\s,]+", text.strip()))
    unknown = sorted(symbols - atomic_numbers.keys() | symbols & {"X", ""})
    if unknown:
        raise ConfigError(
            f"not a chemical element: {', '.join(map(repr, unknown))}; --elements takes symbols like Si,Ge"
        )
    return symbols


def parse_points(text: str) -> float | tuple[float, ...]:
    """A number, or the end points of linear ramps: "300", "300:2000:300".

    Raises:
        ConfigError: anything else.
    """
    try:
        points = tuple(float(part) for part in text.split(":"))
    except ValueError:
        raise ConfigError(
            f"{text!r} is not a value or a ramp; give a number such as 300, or end points of ramps such as 300:2000:300"
        ) from None
    return points[0] if len(points) == 1 else points


INTERVALS: "Final" = ("distances_every", "uncertainty_every")
"""Settings of guards that are numbers of steps, not limits."""


def guard_fields() -> "dict[str, FieldInfo]":
    """The limits of guards that can be set, by name."""
    from alignn_ff.md.guards.limits import GuardLimits

    return {name: field for name, field in GuardLimits.model_fields.items() if name not in (*INTERVALS, "further")}


def parse_guards(words: "Sequence[str]", *, off: bool) -> "dict[str, object]":
    """Limits of guards: "max_temperature_K=5000", "max_escape_A=off"; ``off`` switches the others off.

    A guard that was added to the table is given by its name: "my_guard=3".

    Raises:
        ConfigError: there is no such limit, or the value is not a number.
    """
    from alignn_ff.md.guards.table import GUARDS

    fields = guard_fields()
    added = [name for name, guard in GUARDS.items() if guard.default is not None]
    limits: dict[str, object] = dict.fromkeys(fields) if off else {}
    further: dict[str, float | None] = dict.fromkeys(added) if off else {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in {*fields, *INTERVALS, *added}:
            raise ConfigError(f"--guard {word!r}: {name!r} is not a limit; allowed are {', '.join([*fields, *added])}")
        try:
            value = None if text == "off" else float(text)
        except ValueError:
            raise ConfigError(f"--guard {word!r}: {text!r} is neither a number nor off") from None
        if name in added:
            further[name] = value
        else:
            limits[name] = value
    return {**limits, "further": further} if further else limits


def read_stages(path: "Path") -> "list[object]":
    """The stages in a JSON file: a list of tables, or {"stages": [...]}.

    Raises:
        ConfigError: the file is missing, is not JSON, or does not contain stages.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no such file of stages: {path}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path} as JSON: {error}") from error
    stages = content.get("stages") if isinstance(content, dict) and set(content) == {"stages"} else content
    if not isinstance(stages, list) or not stages:
        raise ConfigError(
            f'{path} contains no stages; write a list such as [{{"steps": 1000, "temperature_K": [300, 600]}}]'
        )
    return stages


def parse_changes(words: list[str]) -> dict[str, object]:
    """Fields and values: "epochs=10", "model.link=log"; a value that is not JSON is a string.

    Raises:
        ConfigError: a word has no "=".
    """
    changes: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--set takes FIELD=VALUE, such as epochs=10, not {word!r}")
        try:
            changes[name.strip()] = json.loads(text)
        except json.JSONDecodeError:
            changes[name.strip()] = text
    return changes


def check_data(*paths: "Path") -> None:
    """Make sure that data sets exist, before torch is imported.

    Raises:
        DataError: one does not.
    """
    from alignn_ff.errors import DataError, StructureError
    from alignn_ff.io import Source

    for path in paths:
        try:
            if not path.expanduser().is_dir():
                Source.of(path)
        except StructureError as error:
            raise DataError(
                f"no such data: {path}; give an extended XYZ file, an ASE database, id_prop.json or its folder"
            ) from error


KEY_OF: Final = {
    "id_tag": "identifier",
    "target": "target",
    "forces_key": "forces",
    "stress_key": "stress",
    "atomwise_key": "atomwise",
    "additional_key": "additional",
}
"""Field of the training config → field of ``DataKeys``, where they differ."""


def data_names(given: "Mapping[str, Any]") -> "dict[str, Any]":
    """Fields of ``DataKeys`` from those of the training config.

    Raises:
        StructureError: the index is not one.
    """
    from alignn_ff.io import parse_index

    found = {KEY_OF.get(field, field): value for field, value in given.items()}
    return found | ({"data_index": parse_index(found["data_index"])} if "data_index" in found else {})


def data_keys(given: "Mapping[str, Any]") -> "DataKeys":
    """How data are read: as given, by field of the training config, and as usual for the rest."""
    from alignn_ff.train import DataKeys

    return DataKeys(**data_names(given))
