"""Figure of a stacking fault: energies over the shift."""

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.faults import FaultResult


def fault_figure(result: FaultResult) -> Figure:
    """Energies of the shifts, unrelaxed and relaxed, with intrinsic and unstable fault marked."""
    shift = result.fractions * result.period
    shown = np.isfinite(result.relaxed)
    with house_style():
        figure = new_figure(3.4, 2.6)
        axes = figure.subplots()
        near = np.where(shown, result.unrelaxed, np.nan)
        axes.plot(shift, near, "s-", color="0.6", ms=3, linewidth=0.8, label="unrelaxed")
        axes.plot(shift, result.relaxed, "o-", color=COLOURS[0], ms=3, label="relaxed along the normal")
        top = float(np.nanmax(near))
        lost = shift[result.unrelaxed > result.config.max_energy_J_per_m2]
        if len(lost):
            axes.axvspan(lost.min(), lost.max(), color="0.92", linewidth=0)
            axes.text(lost.mean(), 0.5 * top, "atoms collide", rotation=90, ha="center", va="center", color="0.4")
        for index, name in ((result.unstable, "USF"), (result.stable, "ISF")):
            if index is not None:
                place = (shift[index], result.relaxed[index])
                axes.annotate(name, place, xytext=(0, -11), textcoords="offset points", ha="center", fontsize=7)
                axes.plot(*place, "o", mfc="none", color=COLOURS[1], ms=7)
        axes.set(ylim=(-0.14 * top, 1.08 * top))
        direction = ("−" if result.reversed_sense else "") + f"[{result.config.along.replace(',', ' ')}]"
        axes.set(xlabel=f"shift along {direction} (Å)", ylabel="energy (J/m²)")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
