"""Figure of a melting temperature: the temperature over time, and the order of the slabs over time."""

from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.coexistence import MeltingResult


def melting_figure(result: MeltingResult) -> Figure:
    """Left the temperature with its mean, right a map of the order parameter: light is crystal, dark is liquid."""
    found = result.equilibrium
    end = float(found.log_times_ps[-1])
    with house_style():
        figure = new_figure(6.8, 2.6)
        left, right = figure.subplots(1, 2)
        left.plot(found.log_times_ps, found.log_temperatures, color=COLOURS[5], linewidth=0.6)
        mean, begin = found.temperature.mean, result.config.discarded * end
        name = "melting temperature" if found.survived else "mean, one phase is gone"
        left.plot([begin, end], [mean, mean], color=COLOURS[1], label=f"{name}: {mean:.0f} K")
        left.set(xlabel="time (ps)", ylabel="temperature (K)")
        left.legend()
        extent = (0.0, end, 0.5, found.order.shape[1] + 0.5)
        picture = right.imshow(
            found.order.T, origin="lower", aspect="auto", extent=extent, cmap="cividis", vmin=0.0, vmax=1.0
        )
        right.set(xlabel="time (ps)", ylabel="slab along the normal")
        figure.colorbar(picture, ax=right, label="order")
    return figure
