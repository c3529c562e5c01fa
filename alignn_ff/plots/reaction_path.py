"""Figure of a path: energies of its images, the curve through them, slopes, barriers."""

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.reaction_path import NEBResult

TANGENT = 0.35
"""Length of a tangent, as a fraction of the distance of neighbouring images."""


def neb_figure(result: NEBResult) -> Figure:
    """Energy over the path: images, curve, tangents from the forces; a dotted line at the barrier."""
    profile, curve = result.profile, result.tables["curve"]
    with house_style():
        figure = new_figure(3.4, 2.6)
        axes = figure.subplots()
        axes.plot(curve["distance_A"], curve["energy_eV"], color=COLOURS[0], zorder=1)
        reach = TANGENT * np.diff(profile.distance).min() * np.array([-1.0, 1.0])
        for x, y, slope in zip(profile.distance, profile.energy, profile.slope, strict=True):
            axes.plot(x + reach, y + slope * reach, color=COLOURS[1], linewidth=1.6, zorder=2)
        axes.plot(profile.distance, profile.energy, "o", color=COLOURS[6], ms=3.5, zorder=3)
        axes.plot([], [], "o", color=COLOURS[6], ms=3.5, label="images")
        axes.plot([], [], color=COLOURS[0], label="curve")
        axes.plot([], [], color=COLOURS[1], linewidth=1.6, label="slopes from forces")
        axes.axhline(result.barrier, color="0.5", linewidth=0.8, linestyle=":", zorder=0)
        axes.set(xlabel="distance along the path (Å)", ylabel="energy − START (eV)")
        reverse = result.summary["reverse_barrier_eV"]
        title = f"barrier {result.barrier:.3f} eV, in reverse {reverse:.3f} eV"
        figure.legend(loc="outside upper center", ncols=3, title=title)
    return figure
