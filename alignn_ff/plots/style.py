"""The style of all figures: column width of a journal, readable text, colours for all kinds of colour vision."""

import io
import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from alignn_ff.errors import ConfigError
from alignn_ff.io import atomic_write

STYLE: Final[dict[str, object]] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.2,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "savefig.dpi": 300,
}
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette."""


def house_style() -> AbstractContextManager[None]:
    """A context with the style, in which figures are made and saved."""
    settings: dict[Any, Any] = dict(STYLE)
    return mpl.rc_context(settings)


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """An empty figure in the house style, independent of pyplot's state."""
    with house_style():
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        FigureCanvasAgg(figure)
        return figure


class _Decades(LogLocator):
    """Ticks at 1, 2 and 5 of each decade where fewer than three are shown, and at powers of ten otherwise."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        few = 0.0 < vmin < vmax and math.log10(vmax / vmin) < 3.0
        self.set_params(subs=(1.0, 2.0, 5.0) if few else (1.0,))
        return super().tick_values(vmin, vmax)


def label_decades(*axes: Axis) -> None:
    """Number logarithmic axes so that each has several labels, whatever its range."""
    for axis in axes:
        axis.set_major_locator(_Decades())
        axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def check_figure(path: str | Path) -> None:
    """Check that a figure can be written under this name, before any work is done.

    Raises:
        ConfigError: matplotlib does not have this format.
    """
    path = Path(path)
    known = FigureCanvasAgg(Figure()).get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise ConfigError(f"{path} is not a supported figure format; the name may end in {', '.join(sorted(known))}")


def figure_png(figure: Figure) -> bytes:
    """A figure as PNG, for a page."""
    content = io.BytesIO()
    with house_style():
        figure.savefig(content, format="png", dpi=160)
    return content.getvalue()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically, in the format of its suffix."""
    path = Path(path)
    with house_style(), atomic_write(path) as temporary:
        figure.savefig(temporary)
