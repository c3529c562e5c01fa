"""The page of all commands, written from the commands themselves: arguments, options, defaults, help.

In: the program ``alignn-ff``. Out: Markdown, which ``python docs/make_reference.py`` writes to docs/cli.md.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from typer.main import get_command

from alignn_ff.cli.app import COMMANDS, app

HIDDEN_OPTIONS: Final = frozenset({"--help", "--install-completion", "--show-completion", "--version"})
"""Options that every command has, or only the program."""

STATED_DEFAULT: Final = re.compile(r"\s*\\?\[default: ([^\]]*)\]")
"""A default at the end of a help text, for the terminal."""


def markdown_reference() -> str:
    """A section per command, in the order of the help."""
    group: Any = get_command(app)
    return "\n".join(line for name in COMMANDS for line in _section([name], group.get_command(None, name)))


def _section(words: list[str], command: Any) -> Iterator[str]:
    """Heading, help and options of a command, then those of its subcommands."""
    yield f"{'#' * (len(words) + 1)} `{' '.join(words)}`\n"
    yield f"{_text(command.help or '')}\n"
    subcommands = getattr(command, "commands", {})
    if not subcommands:
        yield f"```text\nalignn-ff {' '.join(words)} {' '.join(_usage(command))}\n```\n"
        yield from _options(command)
    for name, subcommand in subcommands.items():
        yield from _section([*words, name], subcommand)


def _usage(command: Any) -> Iterator[str]:
    yield "[OPTIONS]"
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = parameter.metavar or parameter.name.upper()
            yield (name if parameter.required else f"[{name}]") + ("…" if parameter.nargs == -1 else "")


def _options(command: Any) -> Iterator[str]:
    rows = [
        _row(p) for p in command.params if not HIDDEN_OPTIONS.intersection(p.opts) and not getattr(p, "hidden", False)
    ]
    if rows:
        yield "| option | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    else:
        names = ", ".join(f"`{name}{_value(parameter)}`" for name in [*parameter.opts, *parameter.secondary_opts])
    shown, stated = _text(getattr(parameter, "help", None) or ""), STATED_DEFAULT.search(parameter.help or "")
    default = f"`{stated[1]}`" if stated else _default(parameter)
    cells = (names, default, STATED_DEFAULT.sub("", shown).strip())
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(parameter: Any) -> str:
    """What follows the name of an option: the placeholder it has, or its long name."""
    longest = max(parameter.opts, key=len).lstrip("-")
    return "" if parameter.is_flag else f" {parameter.metavar or longest.replace('-', '_').upper()}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    shown = getattr(parameter, "show_default", None)
    value = shown if isinstance(shown, str) else parameter.default
    if value is None or value == () or callable(value) or value is False:
        return ""
    return "on" if value is True else f"`{getattr(value, 'value', value)}`"


def _text(help_text: str) -> str:
    """Help as one paragraph per paragraph, without marks of the terminal."""
    plain = re.sub(r"\[/?(bold|dim|cyan|green|yellow|red|italic)\]", "", help_text).replace("\b", "").replace("\f", "")
    paragraphs = [" ".join(paragraph.split()) for paragraph in plain.split("\n\n")]
    return " ".join(paragraph for paragraph in paragraphs if paragraph)
