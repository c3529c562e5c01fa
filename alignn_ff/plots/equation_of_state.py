"""Figure of an equation of state: energies with the curve, what is left, pressures."""

import numpy as np
from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.equation_of_state import EOSResult
from alignn_ff.properties.volume_curves import FORMS
from alignn_ff.units import GPA_PER_EV_PER_A3, MEV_PER_EV


def eos_figure(result: EOSResult) -> Figure:
    """Energy above the minimum with the fitted curve, residuals below, and pressure from stress and from the curve."""
    n = len(result.atoms)
    fit, curve = result.fit, FORMS[result.config.form].energy
    fine = np.linspace(result.volumes.min(), result.volumes.max(), 300)
    energy = curve(fine, *fit.parameters())
    with house_style():
        figure = new_figure(3.4, 4.4)
        top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 2))
        top.plot(fine / n, MEV_PER_EV * (energy - fit.energy_eV) / n, color=COLOURS[0], label=result.config.form)
        top.plot(result.volumes / n, MEV_PER_EV * (result.energies - fit.energy_eV) / n, "o", color=COLOURS[6], ms=3)
        top.axvline(fit.volume_A3 / n, ymax=0.75, color=COLOURS[6], linewidth=0.6, linestyle=":")
        top.set(ylabel="energy − minimum\n(meV/atom)")
        top.legend(loc="upper center", title=f"B = {fit.bulk_modulus_GPa:.1f} GPa, B′ = {fit.derivative:.2f}")
        left = result.energies - curve(result.volumes, *fit.parameters())
        middle.plot(result.volumes / n, MEV_PER_EV * left / n, "o-", color=COLOURS[6], ms=3, linewidth=0.6)
        middle.axhline(0.0, color=COLOURS[0], linewidth=0.8)
        middle.set(ylabel="residual\n(meV/atom)")
        bottom.plot(fine / n, -np.gradient(energy, fine) * GPA_PER_EV_PER_A3, color=COLOURS[0], label="from the curve")
        bottom.plot(result.volumes / n, result.pressures, "o", color=COLOURS[1], ms=3, label="from stress")
        bottom.axhline(0.0, color=COLOURS[6], linewidth=0.6, linestyle=":")
        bottom.set(xlabel="volume (Å³/atom)", ylabel="pressure (GPa)")
        bottom.legend()
    return figure
