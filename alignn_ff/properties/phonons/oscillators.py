"""Thermal functions of harmonic oscillators, in units of k; NaN where a frequency is not positive."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
KELVIN_PER_THZ: Final = 47.99243073366221
"""h/k."""


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


def _ratio(frequencies_THz: Array, temperature_K: float) -> Array:
    """hν/kT; infinite at 0 K would be NaN in products, so it is cut at a value where everything vanishes."""
    lowest = KELVIN_PER_THZ * np.where(frequencies_THz > 0, frequencies_THz, np.nan)
    return np.asarray(np.minimum(lowest / max(temperature_K, 1e-300), 1000.0))
