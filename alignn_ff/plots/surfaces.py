"""Figures of surfaces: energies of the terminations, lines over thickness, shape of least energy."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.surfaces import SurfaceResult
from alignn_ff.properties.surfaces.miller import Miller
from alignn_ff.properties.surfaces.wulff import Wulff
from alignn_ff.units import MEV_PER_EV

MARKERS = "osD^v<>"


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
    """The shape, faces coloured by family."""
    with house_style():
        figure = new_figure(3.4, 3.0)
        axes: Any = figure.add_subplot(projection="3d")
        families = list(wulff.fractions)
        corners = np.concatenate([facet.corners for facet in wulff.facets])
        for index, family in enumerate(families):
            faces = [facet.corners for facet in wulff.facets if facet.family == family]
            share = f"{_label(family)}  {100.0 * wulff.fractions[family]:.0f} %"
            colour = COLOURS[index % len(COLOURS)]
            if faces:
                axes.add_collection3d(
                    Poly3DCollection(faces, facecolors=colour, edgecolors="black", linewidths=0.5, shade=True)
                )
            axes.plot([], [], [], "s", color=colour, label=share)
        reach = float(np.abs(corners).max())
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
        axes.set_box_aspect((1, 1, 1), zoom=1.5)
        axes.view_init(elev=22, azim=28)
        axes.set_axis_off()
        figure.legend(loc="outside lower center", ncols=min(len(families), 3), title="share of the surface")
    return figure


def _label(miller: Miller, label: str = "") -> str:
    """Indices with bars over negative ones, and the letter of the termination."""
    indices = r"\,".join(rf"\bar{{{-n}}}" if n < 0 else str(n) for n in miller)
    letter = label.rpartition(")")[2]
    return f"$({indices})${letter}"
