"""Quasi-harmonic free energies over the volume: what is in equilibrium at each temperature.

In: modes of a crystal at several volumes, and its static energies. Out: :class:`Expansion`.

At each temperature a free curve goes through F(V, T) + P·V. Its minimum is the volume. The entropy and C_V of the
modes are curves too, so that no difference over the temperature is taken:

    α = (∂S/∂V)_T / B        C_P = C_V + T·V·α²·B        γ = α·B·V / C_V
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from alignn_ff.properties.phonons.gruneisen import Gruneisen
from alignn_ff.properties.phonons.numbers import Expansion
from alignn_ff.properties.phonons.oscillators import STATISTICS, Function, Statistics
from alignn_ff.properties.volume_curves import free_curve
from alignn_ff.units import BOLTZMANN_EV_PER_K, GPA_PER_EV_PER_A3

Array = NDArray[np.float64]
QUANTUM: Final = STATISTICS["quantum"]


def expansion_of(
    modes: Sequence[Gruneisen],
    volumes: Array,
    energies: Array,
    temperatures: Array,
    pressure_GPa: float,
    nuclei: Statistics = QUANTUM,
) -> Expansion:
    """The crystal in equilibrium at each temperature; rows without a minimum between the volumes are NaN.

    Args:
        modes: one per volume, all on the same q-points.
        volumes: (n_volumes,) Å³, ascending, of the primitive cell.
        energies: (n_volumes,) eV, static, per primitive cell.
        temperatures: (n,) K.
        pressure_GPa: external.
        nuclei: their statistics.
    """
    static = energies + pressure_GPa / GPA_PER_EV_PER_A3 * volumes
    rows = [_equilibrium(modes, volumes, static, float(kelvin), nuclei) for kelvin in temperatures]
    return Expansion(temperatures, *np.array(rows).T)


def expansion_from_modes(
    modes: Sequence[Gruneisen], volumes: Array, found: Expansion, nuclei: Statistics = QUANTUM
) -> Array:
    """(n,) 1/K, Σ_qs γ_qs C_qs / (B V), all at the volume in equilibrium at each temperature."""
    capacity = nuclei.heat_capacity
    sums = np.array([[one.weighted_sum(kelvin, capacity) for kelvin in found.temperatures] for one in modes])
    at = CubicSpline(volumes, sums / volumes[:, None])(found.volumes)
    modulus = found.bulk_modulus_GPa / GPA_PER_EV_PER_A3
    return np.asarray(BOLTZMANN_EV_PER_K * np.diagonal(at) / modulus)


def _equilibrium(
    modes: Sequence[Gruneisen], volumes: Array, static: Array, kelvin: float, nuclei: Statistics
) -> tuple[float, ...]:
    """Volume, expansion, bulk modulus (GPa), C_P, entropy, Gibbs energy and Grüneisen parameter at one temperature."""

    def over_volumes(function: Function) -> Array:
        """Per primitive cell at each volume, in eV or eV/K."""
        return BOLTZMANN_EV_PER_K * np.array([one.per_cell(function, kelvin) for one in modes])

    gibbs = static + over_volumes(nuclei.free_energy)
    lowest = float(gibbs.min())
    energy = free_curve(volumes, gibbs - lowest)
    entropy = free_curve(volumes, over_volumes(nuclei.entropy))
    volume = energy.minimum()
    modulus = volume * energy.curvature(volume)
    expansion = entropy.slope(volume) / modulus
    capacity = free_curve(volumes, over_volumes(nuclei.heat_capacity)).value(volume)
    return (
        volume,
        expansion,
        modulus * GPA_PER_EV_PER_A3,
        capacity + kelvin * volume * expansion**2 * modulus,
        entropy.value(volume),
        energy.value(volume) + lowest,
        expansion * modulus * volume / capacity if capacity > 0.0 else 0.0,
    )
