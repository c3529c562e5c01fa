"""What the figure of a table shows, without a plotting library: panels of curves, with labels and units.

``plots.observables`` draws any :class:`Drawing`.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from alignn_ff.analysis.result import FloatArray, Table

ERROR: Final = "_stderr"
"""Ending of the column with the standard error of the column before."""

FS_PER_PS: Final = 1000.0

Range = tuple[float | None, float | None]


class Curve(NamedTuple):
    """One curve.

    Attributes:
        x, y: values.
        label: for the legend; "" leaves it out.
        error: standard error of y, drawn as a band or bar.
        colour: number in the palette; None takes the next one.
        dashed: whether the line is dashed.
    """

    x: FloatArray
    y: FloatArray
    label: str = ""
    error: FloatArray | None = None
    colour: int | None = None
    dashed: bool = False


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        curves: from the first to the last.
        x_label, y_label: with units.
        kind: how curves are drawn.
        x_range, y_range: limits of the axes; None is chosen from the data.
        level: y of a thin horizontal line; None draws none.
        x_ticks: positions of the ticks; None chooses them.
    """

    curves: tuple[Curve, ...]
    x_label: str
    y_label: str
    kind: Literal["lines", "bars"] = "lines"
    x_range: Range = (None, None)
    y_range: Range = (None, None)
    level: float | None = None
    x_ticks: tuple[float, ...] | None = None


class Drawing(NamedTuple):
    """Panels one below the other; several share the x axis, whose label only the last one has.

    Attributes:
        panels: from top to bottom.
        panel_height_inches: of each; the width is that of a journal's column.
    """

    panels: tuple[Panel, ...]
    panel_height_inches: float = 1.9


def columns(table: Table, prefix: str = "", suffix: str = "") -> dict[str, str]:
    """Columns that begin and end like this, without errors → what stands between."""
    return {
        name: name[len(prefix) : len(name) - len(suffix)]
        for name in table
        if name.startswith(prefix) and name.endswith(suffix) and not name.endswith(ERROR)
    }


def curves(x: FloatArray, table: Table, names: dict[str, str]) -> tuple[Curve, ...]:
    """A curve for each column → label, with its standard error where the table has one."""
    return tuple(Curve(x, table[name], label, table.get(name + ERROR)) for name, label in names.items())


def against(x: str, *, x_label: str, y_label: str) -> Callable[[Table], Drawing]:
    """The drawing of all columns of a table against one of them, labelled by their names if there are several."""

    def draw(table: Table) -> Drawing:
        names = {name: label for name, label in columns(table).items() if name != x}
        if len(names) == 1:
            names = dict.fromkeys(names, "")
        return Drawing((Panel(curves(table[x], table, names), x_label, y_label),))

    return draw
