"""Figures of a thermal conductivity: over the temperature, and lifetimes over the frequency."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from alignn_ff.plots.style import COLOURS, house_style, label_decades, new_figure
from alignn_ff.properties.conductivity import KappaResult


def conductivity_figure(result: KappaResult) -> Figure:
    """Conductivity on both meshes with the slope of 1/T on the left, lifetimes of the modes on the right."""
    t, modes = result.temperatures, result.tables["modes"]
    with house_style():
        figure = new_figure(6.8, 2.8)
        left, right = figure.subplots(1, 2)
        for k, found in enumerate(result.meshes[::-1]):
            mean = np.trace(found.kappa, axis1=1, axis2=2) / 3.0
            style = "-" if k == 0 else "--"
            left.loglog(t, mean, style, color=COLOURS[k], label=" × ".join(map(str, found.mesh)))
        left.loglog(t, result.mean[-1] * t[-1] / t, color="0.6", linewidth=0.8, linestyle=":", label="1/T")
        left.set(xlabel="temperature (K)", ylabel="conductivity (W/m/K)")
        ticks = [kelvin for kelvin in (50, 100, 200, 300, 500, 1000, 2000) if t.min() <= kelvin <= t.max()]
        left.set_xticks(ticks, [str(kelvin) for kelvin in ticks])
        left.xaxis.set_minor_formatter(NullFormatter())
        label_decades(left.yaxis)
        left.legend(title=f"{result.config.solver}, mesh")
        frequency, lifetime = np.asarray(modes["frequency_THz"], float), np.asarray(modes["lifetime_ps"], float)
        known = np.isfinite(lifetime) & (lifetime > 0) & (frequency > 0.01)
        right.semilogy(frequency[known], lifetime[known], ".", color=COLOURS[0], markersize=3, label="modes")
        right.semilogy(
            frequency[known], 1.0 / frequency[known], ".", color=COLOURS[1], markersize=1.5, label="one period"
        )
        right.set(xlabel="frequency (THz)", ylabel="lifetime (ps)")
        label_decades(right.yaxis)
        right.legend()
    return figure
