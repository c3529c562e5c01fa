"""How an object shows itself: one line in a terminal, tables and figures in a notebook.

In: :meth:`Displayed.brief` and :meth:`Displayed.sheet` of a class. Out: its ``repr``, and ``_repr_html_``, which
Jupyter calls: one element that needs no network and takes its colours from the page, so it is readable in light and
dark.
"""

import html
from abc import abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol

from alignn_ff.labels import label_of, shown

LONGEST_LINE: Final = 120
"""Characters of a repr."""
MOST_ROWS: Final = 20
"""Rows of a table that are shown; the others are counted."""

MOST_ELEMENTS: Final = 8
"""Elements that are named in a line."""

STYLE: Final = """
.alignn-ff { line-height: 1.4; }
.alignn-ff table { border-collapse: collapse; margin: .4em 0; color: inherit; }
.alignn-ff th, .alignn-ff td { text-align: right; padding: .1em .8em .1em 0; border: 0; background: none;
  vertical-align: top; font-variant-numeric: tabular-nums; }
.alignn-ff th { border-bottom: 1px solid #8888; font-weight: 600; }
.alignn-ff th:first-child, .alignn-ff td:first-child, .alignn-ff table.facts td { text-align: left; }
.alignn-ff table.facts td { max-width: 60em; }
.alignn-ff p { margin: .3em 0; } .alignn-ff p.note { border-left: .25em solid #d55e00; padding-left: .6em; }
.alignn-ff img { max-width: 100%; background: white; }
"""

Figures = Callable[[], Mapping[str, bytes]]
"""Draws: title → PNG."""


def no_figures() -> Mapping[str, bytes]:
    """Figures of an object that has none."""
    return {}


def plotted(result: object) -> Figures:
    """Figures of a result, by the table in ``plots``, which is imported when they are shown."""
    return lambda: import_module("alignn_ff.plots.notebook").pngs_of(result)


class Sheet(NamedTuple):
    """What a notebook shows of an object. Names of numbers end with their unit, such as "bulk_modulus_GPa".

    Attributes:
        facts: name → value.
        tables: title → name of a column → values.
        notes: what a reader of the numbers must know, a sentence each.
        figures: drawn when they are shown.
    """

    facts: Mapping[str, object]
    tables: Mapping[str, Mapping[str, Iterable[Any]]] = {}
    notes: Sequence[str] = ()
    figures: Figures = no_figures


class Shows(Protocol):
    """What :func:`line_of` and :func:`page_of` take; named tuples, which have no other base, call them."""

    def brief(self) -> str:
        """The object in a few words, with units."""

    def sheet(self) -> Sheet:
        """The object in tables."""


class Displayed:
    """Base of objects that users look at.

    A subclass keeps this ``repr`` also where it is a dataclass, which would write its own.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = Displayed.__repr__  # type: ignore[method-assign]  # a dataclass keeps what a class has

    @abstractmethod
    def brief(self) -> str:
        """The object in a few words, with units."""

    @abstractmethod
    def sheet(self) -> Sheet:
        """The object in tables."""

    def __repr__(self) -> str:
        return line_of(self)

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return page_of(self)


def line_of(one: Shows) -> str:
    """One line of at most :data:`LONGEST_LINE` characters."""
    words = " ".join(f"<{type(one).__name__} {one.brief()}>".split())
    return words if len(words) <= LONGEST_LINE else f"{words[: LONGEST_LINE - 2]}…>"


def page_of(one: Shows) -> str:
    """One element of HTML."""
    return as_html(f"{type(one).__name__} {one.brief()}", one.sheet())


def exact(value: float | None) -> str | None:
    """An energy, force or stress to six decimals, for names that end with its unit."""
    return None if value is None else f"{value:.6f}"


def elements_in_words(symbols: Sequence[str]) -> str:
    """The symbols, or their number where there are many."""
    return " ".join(symbols) if len(symbols) <= MOST_ELEMENTS else f"{len(symbols)} elements"


def as_html(title: str, sheet: Sheet) -> str:
    """One HTML element; everything that it is given is escaped."""
    facts = {name: _words(value) for name, value in sheet.facts.items() if value is not None and value != ()}
    parts = [f"<p><b>{html.escape(title)}</b></p>"]
    parts += [f'<p class="note">{html.escape(note)}</p>' for note in sheet.notes]
    parts.append(_table(facts.items(), kind="facts"))
    for name, columns in sheet.tables.items():
        parts.append(f"<p>{html.escape(label_of(name))}</p>{_columns(columns)}")
    for name, png in sheet.figures().items():
        source = b64encode(png).decode()
        parts.append(f'<p><img alt="{html.escape(name)}" src="data:image/png;base64,{source}"></p>')
    return f'<div class="alignn-ff"><style>{STYLE}</style>{"".join(parts)}</div>'


def _columns(columns: Mapping[str, Iterable[Any]]) -> str:
    rows = list(zip(*columns.values(), strict=True))
    told = [[_words(value) for value in row] for row in rows[:MOST_ROWS]]
    more = f"<p>… and {len(rows) - MOST_ROWS} more rows</p>" if len(rows) > MOST_ROWS else ""
    return _table(told, head=[label_of(name) for name in columns]) + more


def _table(rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), kind: str = "columns") -> str:
    """Rows of words; of facts the first cell is a name, and is shown as its label."""
    named = kind == "facts"
    lines = [_row("td", (label_of(row[0]), *row[1:]) if named else row) for row in rows]
    top = _row("th", head) if head else ""
    return f'<table class="{kind}">{top}{"".join(lines)}</table>' if lines else ""


def _row(cell: str, words: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{html.escape(word)}</{cell}>' for word in words)}</tr>"


def _words(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    return shown(value) if isinstance(value, float | int | str | None) else str(value)
