"""Figures of surfaces: energies of the terminations, lines over thickness, shape of least energy."""

from typing import Any, Final

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.surfaces import SurfaceResult
from alignn_ff.properties.surfaces.miller import Miller
from alignn_ff.properties.surfaces.wulff import Wulff
from alignn_ff.units import MEV_PER_EV

FloatArray = NDArray[np.float64]
MARKERS: Final = "osD^v<>"
VIEW: Final = (1.0, 0.42, 0.5)
"""From where the shape is seen."""
LIGHTEST: Final = 0.3
"""Share of white in a face that looks at the viewer."""


def surface_figures(result: SurfaceResult) -> dict[str, Figure]:
    """Energies, and the shape where there is one."""
    figures = {"energies": _energies(result)}
    if result.wulff is not None:
        figures["wulff"] = _shape(result.wulff)
    return figures


def _energies(result: SurfaceResult) -> Figure:
    """Energies of the terminations, as cut and relaxed; distances of E(N) from the line of slope e of the crystal."""
    n = len(result.surfaces)
    with house_style():
        figure = new_figure(6.8, max(2.2, 1.2 + 0.32 * n))
        left, right = figure.subplots(1, 2)
        rows = np.arange(n)
        cut, relaxed = ([one.energy(relaxed=r) for one in result.surfaces] for r in (False, True))
        left.barh(rows - 0.18, cut, 0.34, color="0.75", label="as cut")
        left.barh(rows + 0.18, relaxed, 0.34, color=COLOURS[0], label="relaxed")
        left.set(yticks=rows, yticklabels=[_label(one.miller, one.label) for one in result.surfaces])
        left.set(ylim=(n - 0.5, -0.5), xlabel="surface energy (J/m²)")
        left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        for index, one in enumerate(result.surfaces):
            _residuals(right, result, index, _label(one.miller, one.label))
        reach = max(1.0, 1.1 * max(abs(end) for end in right.get_ylim()))  # rounding errors are no figure
        right.set_ylim(-reach, reach)
        right.axhline(0.0, color=COLOURS[6], linewidth=0.6, linestyle=":")
        right.set(xlabel="atoms in the slab", ylabel="E(N) − N·e − 2A·γ (meV)")
        right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(n, 4), columnspacing=1.0)
    return figure


def _residuals(panel: Any, result: SurfaceResult, index: int, label: str) -> None:
    one = result.surfaces[index]
    left = MEV_PER_EV * (one.energies() - one.n_atoms * result.bulk_energy - one.line().intercept)
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    panel.plot(one.n_atoms, left, marker + "-", color=colour, ms=4, linewidth=0.8, label=label)


def _shape(wulff: Wulff) -> Figure:
    """The shape seen from VIEW, without perspective; faces coloured by family, lighter towards the viewer."""
    view = np.array(VIEW) / np.linalg.norm(VIEW)
    right = np.cross([0.0, 0.0, 1.0], view) / np.linalg.norm(np.cross([0.0, 0.0, 1.0], view))
    screen = np.array([right, np.cross(view, right)])
    families = list(wulff.fractions)
    with house_style():
        figure = new_figure(3.4, 3.4)
        axes = figure.subplots()
        for facet in wulff.facets:
            turned = float(_outwards(facet.corners) @ view)
            if turned <= 0.0:  # the body is convex, so that faces that look away are hidden
                continue
            base = np.array(to_rgb(COLOURS[families.index(facet.family) % len(COLOURS)]))
            colour = base + (1.0 - base) * LIGHTEST * turned
            axes.fill(
                *(screen @ facet.corners.T), facecolor=colour, edgecolor="black", linewidth=0.4, joinstyle="round"
            )
        for index, family in enumerate(families):
            share = f"{_label(family)}  {100.0 * wulff.fractions[family]:.0f} %"
            axes.plot([], [], "s", color=COLOURS[index % len(COLOURS)], label=share)
        axes.set_aspect("equal")
        axes.set_axis_off()
        figure.legend(loc="outside lower center", ncols=min(len(families), 3), title="share of the surface")
    return figure


def _outwards(corners: FloatArray) -> FloatArray:
    """The outer normal of a face of a body around the origin."""
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    return np.asarray(normal / np.linalg.norm(normal) * np.sign(normal @ corners[0]))


def _label(miller: Miller, label: str = "") -> str:
    """Indices with bars over negative ones, and the letter of the termination."""
    indices = r"\,".join(rf"\bar{{{-n}}}" if n < 0 else str(n) for n in miller)
    letter = label.rpartition(")")[2]
    return f"$({indices})${letter}"
