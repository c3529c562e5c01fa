"""Figure of a quasi-harmonic expansion: volume, expansion, bulk modulus and heat capacity over the temperature."""

from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.quasi_harmonic import QHAResult
from alignn_ff.units import GAS_CONSTANT_J_PER_K_PER_MOL, J_PER_MOL_PER_EV


def expansion_figure(result: QHAResult) -> Figure:
    """Four panels over the temperature, one curve per pressure; the expansion from mode parameters is dashed."""
    n = len(result.atoms)
    with house_style():
        figure = new_figure(6.8, 4.6)
        volume, expansion, bulk, heat = figure.subplots(2, 2, sharex=True).flat
        for k, (pressure, found) in enumerate(zip(result.config.pressures_GPa, result.expansions, strict=True)):
            colour, t = COLOURS[k % len(COLOURS)], found.temperatures
            volume.plot(t, found.volumes / n, color=colour, label=f"{pressure:g} GPa")
            expansion.plot(t, 1e6 * found.expansion, color=colour, label=None if k else "from the entropy")
            bulk.plot(t, found.bulk_modulus_GPa, color=colour)
            heat.plot(t, found.heat_capacity * J_PER_MOL_PER_EV / n, color=colour)
        first = result.expansions[0].temperatures
        expansion.plot(
            first, 1e6 * result.gruneisen_expansion, color=COLOURS[6], linestyle="--", label="from mode parameters"
        )
        heat.axhline(3 * GAS_CONSTANT_J_PER_K_PER_MOL, color=COLOURS[6], linewidth=0.8, linestyle=":", label="3R")
        volume.set(ylabel="volume (Å³/atom)")
        expansion.set(ylabel="volumetric expansion (10⁻⁶/K)")
        bulk.set(ylabel="bulk modulus (GPa)", xlabel="temperature (K)")
        heat.set(ylabel="heat capacity $C_P$\n(J/K/mol of atoms)", xlabel="temperature (K)")
        for axes in (expansion, heat, *([volume] if len(result.expansions) > 1 else [])):
            axes.legend()
    return figure
