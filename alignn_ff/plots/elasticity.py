"""Figure of elastic constants: stresses over the six strains."""

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.elasticity import ElasticResult
from alignn_ff.properties.elasticity.voigt import NAMES


def elastic_figure(result: ElasticResult) -> Figure:
    """The six stresses against each strain, points with lines of the stiffness; clamped atoms are grey."""
    with house_style():
        figure = new_figure(6.8, 4.2)
        axes = figure.subplots(2, 3, sharex=True)
        for k, panel in enumerate(axes.flat):
            rows = np.flatnonzero(result.strains[:, k])
            strain = 100.0 * result.strains[rows, k]
            order = np.argsort(strain)
            line = np.array([strain.min(), 0.0, strain.max()])
            for j, name in enumerate(NAMES):
                panel.plot(strain[order], result.stresses_clamped_GPa[rows, j][order], "x", color="0.7", ms=3, zorder=1)
                panel.plot(strain[order], result.stresses_relaxed_GPa[rows, j][order], "o", color=COLOURS[j], ms=2.5)
                panel.plot(line, result.relaxed_GPa[j, k] * line / 100.0, color=COLOURS[j], linewidth=0.8, label=name)
            panel.set(title=f"strain {NAMES[k]}")
        for panel in axes[-1]:
            panel.set(xlabel="strain (%)")
        for panel in axes[:, 0]:
            panel.set(ylabel="stress (GPa)")
        axes[0, 0].plot([], [], "x", color="0.7", ms=3, label="clamped")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", title="stress")
    return figure
