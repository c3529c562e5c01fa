"""Options from config models: names, types, defaults and help of a command are derived from the fields of its config.

    @options_of(MDConfig, "settings", panels={"ensemble": "Ensemble"})
    def md(structure: …, *, settings: Mapping[str, object]) -> None: ...

``settings`` contains only the options given on the command line; defaults are only in the config models. A field
``timestep_fs`` becomes the option ``--timestep``, with its unit in the help. The allowed words come from the JSON
Schema of the model, so they include rows that were added to a table.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any, Final, NamedTuple, get_args

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from alignn_ff.cli.parsing import parse_points, parse_supercell
from alignn_ff.errors import ConfigError

UNITS: Final[dict[str, str]] = {
    "_eV_per_A": "eV/Å",
    "_meV_per_atom_per_ps": "meV/atom/ps",
    "_per_GPa": "1/GPa",
    "_GPa": "GPa",
    "_fs": "fs",
    "_deg": "°",
    "_K": "K",
    "_A": "Å",
}
"""Ending of a field's name → its unit in the help."""

GIVEN: Final = "COMMANDLINE"
LONG: Final = 3
"""Longer lists in the help have spaces, at which lines break."""


class OptionOf(NamedTuple):
    """One option.

    Attributes:
        field: of the config.
        name: of the option, such as "--timestep".
        parse: converts the value from click to the value of the field.
        parameters: of the command's signature: the option, and its aliases, which are hidden in the help.
    """

    field: str
    name: str
    parse: Callable[[Any], object]
    parameters: tuple[inspect.Parameter, ...]


def options_of(
    model: type[BaseModel],
    argument: str,
    *,
    panel: str,
    panels: Mapping[str, Sequence[str]] | None = None,
    names: Mapping[str, tuple[str, ...]] | None = None,
    leave_out: Collection[str] = (),
    only: Collection[str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a config model.

    Args:
        model: the config.
        argument: of the command; receives {field: value} of the options that were given.
        panel: heading of the options in the help.
        panels: heading → fields, for those with another heading.
        names: field → names of its option, if it is not named after the field; the help shows the first name and
            short ones such as "-m".
        leave_out: fields that are not options.
        only: the fields that are options; None means all.
        defaults: field → words shown as its default, for fields whose default is None.
    """
    headings = {field: heading for heading, fields in (panels or {}).items() for field in fields}

    def options() -> list[OptionOf]:
        schema = model.model_json_schema()
        return [
            _option(
                field,
                info,
                parameter=f"{argument}_{field}",
                names=(names or {}).get(field, (option_name(field),)),
                panel=headings.get(field, panel),
                words=_words(schema, field),
                shown=(defaults or {}).get(field),
            )
            for field, info in model.model_fields.items()
            if field not in leave_out and (only is None or field in only)
        ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        return _with_options(command, argument, options)

    return decorate


def with_present_rows(command: Callable[..., None]) -> Callable[..., None]:
    """A command with options from the current tables; its module may have been imported before a row was added."""
    rebuild: Callable[[], Callable[..., None]] | None = getattr(command, "rebuild", None)
    return command if rebuild is None else rebuild()


def _with_options(
    command: Callable[..., None], argument: str, options: Callable[[], list[OptionOf]]
) -> Callable[..., None]:
    made = options()

    @wraps(command)
    def run(**values: Any) -> None:
        taken = [(option, [values.pop(p.name) for p in option.parameters]) for option in made]
        given = {o.field: _parsed(o, value) for o, found in taken for value in found if value is not None}
        command(**values, **{argument: given})

    kept = [p for p in inspect.signature(command).parameters.values() if p.name != argument]
    parameters = [*kept, *(parameter for option in made for parameter in option.parameters)]
    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in keywords}
    run.rebuild = lambda: _with_options(with_present_rows(command), argument, options)  # type: ignore[attr-defined]
    return run


def _parsed(option: OptionOf, value: object) -> object:
    try:
        return option.parse(value)
    except ConfigError as error:
        raise ConfigError(f"{option.name}: {error}") from error


def option_name(field: str) -> str:
    """The option of a field: its name without the unit."""
    return "--" + re.sub(f"({'|'.join(UNITS)})$", "", field).replace("_", "-")


def refuse_given(ctx: typer.Context, *, allowed: Sequence[str], reason: str) -> None:
    """Check that no option without effect was given.

    Args:
        ctx: of the command.
        allowed: options that can be given together with ``reason``.
        reason: the option that makes the others ineffective, such as "--restart".

    Raises:
        ConfigError: such options were given; the message lists them.
    """
    shown = {parameter.name: _shown(parameter) for parameter in ctx.command.params}
    given = [shown[name] for name in ctx.params if str(ctx.get_parameter_source(name)).endswith(GIVEN)]
    useless = [name for name in given if name not in (*allowed, reason)]
    if useless:
        raise ConfigError(
            f"{', '.join(useless)} cannot be given with {reason}, which reads them from the file; "
            f"{reason} accepts only {', '.join(allowed)}"
        )


def _shown(parameter: Any) -> str:
    """Name of a parameter in messages: --supercell, STRUCTURE."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).strip("[]")
    return str(max(parameter.opts, key=len))


def _option(
    field: str,
    info: FieldInfo,
    *,
    parameter: str,
    names: tuple[str, ...],
    panel: str,
    words: Mapping[str, str],
    shown: str | None,
) -> OptionOf:
    kind, parse, metavar = _kind(info)
    visible = tuple(name for name in names if name == names[0] or not name.startswith("--"))
    aliases = tuple(name for name in names if name not in visible)
    metavar = metavar or ("WORD" if words else None)
    described = typer.Option(
        *visible, help=_help(field, info, words, shown), rich_help_panel=panel, metavar=metavar, show_default=False
    )
    parameters = [_keyword(parameter, kind, described)]
    if aliases:
        parameters.append(_keyword(f"{parameter}_alias", kind, typer.Option(*aliases, hidden=True)))
    return OptionOf(field, names[0], parse, tuple(parameters))


def _keyword(name: str, kind: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _help(field: str, info: FieldInfo, words: Mapping[str, str], shown: str | None) -> str:
    """Help text: the field's description, unit, allowed words, default."""
    text = re.sub(r" ?\((ours|published code)\)|; --[a-z-]+ overrides", "", info.description or "").rstrip(". ")
    unit = next((unit for end, unit in UNITS.items() if field.endswith(end)), None)
    if unit and unit not in text:
        text += f", {unit}"
    if any(words.values()):
        text += ": " + "; ".join(f"{word} ({meaning})" if meaning else word for word, meaning in words.items())
    elif words and not all(word in text for word in words):
        text += f": {', '.join(words)}"
    default = shown or _default(info)
    return text[:1].upper() + text[1:].replace("[", "\\[") + "." + (with_default(default) if default else "")


def with_default(words: str) -> str:
    """The end of an option's help: its default."""
    return f" [dim]\\[default: {words}][/dim]"


def _kind(info: FieldInfo) -> tuple[Any, Callable[[Any], object], str | None]:
    """Type for click, parser of its value, metavar."""
    inner = _members(info.annotation)
    tuples = [member for member in inner if getattr(member, "__origin__", None) is tuple]
    if bool in inner:
        return bool, _same, None
    if tuples and (float in inner or float in get_args(tuples[0])):
        return str, parse_points, "VALUE[:VALUE…]"
    if tuples and len(get_args(tuples[0])) == 3 and Ellipsis not in get_args(tuples[0]):
        return str, parse_supercell, "N,N,N"
    if tuples:
        return str, _separated, "WORD[,WORD…]"
    if int in inner and float not in inner:
        return int, _same, None
    if float in inner:
        return float, _same, None
    return str, _same, None


def _members(annotation: Any) -> list[Any]:
    """The types of a union, without annotations."""
    if hasattr(annotation, "__metadata__"):
        return _members(get_args(annotation)[0])
    if getattr(annotation, "__origin__", None) in (tuple, list):
        return [annotation]
    parts = [part for part in get_args(annotation) if part is not type(None) and not isinstance(part, str)]
    return [member for part in parts for member in _members(part)] if parts else [annotation]


def _same(value: object) -> object:
    return value


def _separated(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",")) if text.strip() else ()


def _default(info: FieldInfo) -> str:
    """The default in the form of the help; empty if there is none or the description explains None."""
    value = None if info.is_required() else info.get_default(call_default_factory=True)
    if value is None or value is False:
        return ""
    if isinstance(value, tuple):
        return (", " if len(value) > LONG else ",").join(str(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _words(schema: dict[str, Any], field: str) -> dict[str, str]:
    """Allowed words of a field in the JSON Schema of its model → their descriptions, if given."""

    def walk(node: Any) -> dict[str, str]:
        if not isinstance(node, dict):
            return {}
        if "$ref" in node:
            return walk(schema.get("$defs", {}).get(node["$ref"].rsplit("/", 1)[-1], {}))
        words = [word for word in node.get("enum", []) if isinstance(word, str)]
        found = dict(zip(words, node.get("enumDescriptions", [""] * len(words)), strict=True))
        for part in (*node.get("anyOf", []), node.get("items")):
            found |= walk(part)
        return found

    return walk(schema.get("properties", {}).get(field, {}))
