"""Figure of a thermodynamic table: heat capacity and entropy, enthalpy and Gibbs energy over the temperature."""

from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure
from alignn_ff.properties.thermochemistry import ThermoResult
from alignn_ff.properties.thermochemistry.config import ROUTES
from alignn_ff.units import GAS_CONSTANT_J_PER_K_PER_MOL, J_PER_MOL_PER_EV, KJ_PER_MOL_PER_EV


def thermo_figure(result: ThermoResult) -> Figure:
    """Two panels per mole of formula units; the right one is less the enthalpy at 298.15 K."""
    f, n = result.functions, result.n_units
    held = ROUTES[result.config.route].heat_capacity
    level = f.enthalpy[f.reference]
    with house_style():
        figure = new_figure(6.8, 2.6)
        left, right = figure.subplots(1, 2)
        capacity, entropy = (values * J_PER_MOL_PER_EV / n for values in (f.heat_capacity, f.entropy))
        left.plot(f.temperatures, capacity, color=COLOURS[0], label=f"$C_{held}$")
        left.plot(f.temperatures, entropy, color=COLOURS[1], linestyle="--", label="$S$")
        if result.config.route != "ideal-gas":
            limit = 3 * GAS_CONSTANT_J_PER_K_PER_MOL * len(result.atoms) / n
            left.axhline(limit, color=COLOURS[6], linewidth=0.8, linestyle=":", label="3R per atom")
        for values, colour, style, label in (
            (f.enthalpy, COLOURS[0], "-", "$H − H_{298}$"),
            (f.gibbs, COLOURS[1], "--", "$G − H_{298}$"),
        ):
            right.plot(f.temperatures, (values - level) * KJ_PER_MOL_PER_EV / n, color=colour, ls=style, label=label)
        left.set(xlabel="temperature (K)", ylabel=f"J/K/mol of {result.formula}")
        right.set(xlabel="temperature (K)", ylabel=f"kJ/mol of {result.formula}")
        left.legend()
        right.legend()
    return figure
