"""Mode Grüneisen parameters γ = −∂ln ω/∂ln V, from force constants at three volumes.

γ_qs = −V/(2ω²)·⟨e|∂D/∂V|e⟩ by the difference of the dynamical matrices of the two outer volumes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.properties.phonons.bridge import Harmonic, mode_gruneisen

Array = NDArray[np.float64]


class Gruneisen(NamedTuple):
    """Mode Grüneisen parameters on a mesh.

    Attributes:
        frequencies: (n_q, n_modes) THz.
        parameters: (n_q, n_modes); NaN for acoustic modes at Γ.
        weights: (n_q,) of the q-points.
    """

    frequencies: Array
    parameters: Array
    weights: Array

    def mean(self, temperature_K: float) -> float:
        """Average weighted by the heat capacities of the modes."""
        capacity = mode_heat_capacity(self.frequencies, temperature_K) * self.weights[:, None]
        known = np.isfinite(self.parameters) & np.isfinite(capacity)
        return float((self.parameters[known] * capacity[known]).sum() / capacity[known].sum())

    def weighted_sum(self, temperature_K: float) -> float:
        """Σ γ·C_V/k over the modes of one q-point, averaged over the mesh."""
        if temperature_K <= 0.0:
            return 0.0
        capacity = mode_heat_capacity(self.frequencies, temperature_K) * self.weights[:, None]
        known = np.isfinite(self.parameters) & np.isfinite(capacity)
        return float((self.parameters[known] * capacity[known]).sum() / self.weights.sum())


def mode_heat_capacity(frequencies_THz: Array, temperature_K: float) -> Array:
    """Heat capacity of each mode in units of k; NaN where the frequency is not positive."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = 47.99243073366221 * np.where(frequencies_THz > 0, frequencies_THz, np.nan) / temperature_K  # hν/kT
        return np.asarray(x**2 * np.exp(x) / np.expm1(x) ** 2)


def gruneisen_parameters(smaller: Harmonic, middle: Harmonic, larger: Harmonic, mesh_length_A: float) -> Gruneisen:
    """Of the crystal in the middle."""
    return Gruneisen(*mode_gruneisen(smaller, middle, larger, mesh_length_A))
