"""Thermal functions of harmonic oscillators, in units of k; NaN where a frequency is not positive.

Quantum and classical: molecular dynamics has the classical ones, at any temperature.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.units import KELVIN_PER_THZ

Array = NDArray[np.float64]
COLDEST_K: Final = 1e-3
"""Stands for 0 K in hν/kT, which would be infinite: nothing is excited there."""

Function = Callable[[Array, float], Array]
"""(frequencies in THz, temperature in K) → values in units of k."""


class Statistics(NamedTuple):
    """One kind of oscillators.

    Attributes:
        help: what it is.
        free_energy: F/k in K.
        entropy: S/k.
        heat_capacity: C_V/k.
    """

    help: str
    free_energy: Function
    entropy: Function
    heat_capacity: Function


def free_energy(frequencies_THz: Array, temperature_K: float) -> Array:
    """F/k in K, with the energy at 0 K."""
    half = 0.5 * KELVIN_PER_THZ * np.where(frequencies_THz > 0, frequencies_THz, np.nan)
    if temperature_K <= 0.0:
        return half
    return np.asarray(half + temperature_K * np.log(-np.expm1(-2.0 * half / temperature_K)))


def entropy(frequencies_THz: Array, temperature_K: float) -> Array:
    """S/k."""
    x = _ratio(frequencies_THz, temperature_K)
    with np.errstate(over="ignore"):
        return np.asarray(x / np.expm1(x) - np.log(-np.expm1(-x)))


def heat_capacity(frequencies_THz: Array, temperature_K: float) -> Array:
    """C_V/k."""
    x = _ratio(frequencies_THz, temperature_K)
    with np.errstate(over="ignore"):
        return np.asarray((x / (2.0 * np.sinh(0.5 * x))) ** 2)


def classical_free_energy(frequencies_THz: Array, temperature_K: float) -> Array:
    """F/k in K; zero at 0 K, where a classical oscillator is at rest."""
    if temperature_K <= 0.0:
        return np.where(frequencies_THz > 0, 0.0, np.nan)
    return np.asarray(temperature_K * np.log(_ratio(frequencies_THz, temperature_K)))


def classical_entropy(frequencies_THz: Array, temperature_K: float) -> Array:
    """S/k; its dependence on the volume, (∂S/∂V) = −(∂ln ω/∂V), does not vanish at 0 K."""
    return np.asarray(1.0 - np.log(_ratio(frequencies_THz, temperature_K)))


def classical_heat_capacity(frequencies_THz: Array, temperature_K: float) -> Array:  # noqa: ARG001
    """C_V/k = 1."""
    return np.where(frequencies_THz > 0, 1.0, np.nan)


def _ratio(frequencies_THz: Array, temperature_K: float) -> Array:
    """hν/kT, at 0 K that of COLDEST_K."""
    quanta = KELVIN_PER_THZ * np.where(frequencies_THz > 0, frequencies_THz, np.nan)
    return np.asarray(quanta / max(temperature_K, COLDEST_K))


STATISTICS: Final[dict[str, Statistics]] = {
    "quantum": Statistics("as nuclei are", free_energy, entropy, heat_capacity),
    "classical": Statistics(
        "as in molecular dynamics",
        classical_free_energy,
        classical_entropy,
        classical_heat_capacity,
    ),
}
"""Name → statistics of the nuclei."""
