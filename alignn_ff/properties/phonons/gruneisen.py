"""Mode Grüneisen parameters γ = −∂ln ω/∂ln V, from force constants at several volumes.

γ_qs = −V/(2ω²)·⟨e|∂D/∂V|e⟩ by differences of dynamical matrices.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.oscillators import Function, heat_capacity

Array = NDArray[np.float64]
STENCIL: Final = 5
"""Volumes whose dynamical matrices give a derivative, if there are so many."""
CHUNK: Final = 256
"""q-points whose matrices are held at a time."""


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
        capacity = heat_capacity(self.frequencies, temperature_K) * self.weights[:, None]
        known = np.isfinite(self.parameters) & np.isfinite(capacity)
        return float((self.parameters[known] * capacity[known]).sum() / capacity[known].sum())

    def weighted_sum(self, temperature_K: float, capacity: Function = heat_capacity) -> float:
        """Σ γ·C_V/k over the modes of one q-point, averaged over the mesh."""

        def function(frequencies: Array, kelvin: float) -> Array:
            return np.asarray(self.parameters * capacity(frequencies, kelvin))

        return self.per_cell(function, temperature_K)

    def per_cell(self, function: Function, temperature_K: float) -> float:
        """Sum of a function of the frequencies over the modes of one q-point, averaged over the mesh.

        Acoustic modes at Γ and modes without a positive frequency are left out.
        """
        values = np.where(np.isfinite(self.parameters), function(self.frequencies, temperature_K), np.nan)
        return float(np.nansum(values * self.weights[:, None]) / self.weights.sum())


def gruneisen_parameters(smaller: Harmonic, middle: Harmonic, larger: Harmonic, mesh_length_A: float) -> Gruneisen:
    """Of the crystal in the middle."""
    return gruneisen_over_volumes([smaller, middle, larger], mesh_length_A)[1]


def gruneisen_over_volumes(harmonics: Sequence[Harmonic], mesh_length_A: float) -> list[Gruneisen]:
    """Of every crystal, each with the five volumes that are nearest to its own, all on the q-points of the middle one.

    Args:
        harmonics: one per volume, ascending, three or more.
        mesh_length_A: of the q-points.
    """
    volumes = np.array([harmonic.primitive.get_volume() for harmonic in harmonics])
    qpoints, weights, _ = harmonics[len(harmonics) // 2].mesh(mesh_length_A)
    rules = [derivative_rule(volumes, k) for k in range(len(volumes))]
    found: list[list[tuple[Array, Array]]] = [[] for _ in volumes]
    for some in _chunks(qpoints):
        matrices = np.array([harmonic.dynamical_matrices(some) for harmonic in harmonics])
        for k, rule in enumerate(rules):
            slope = volumes[k] * np.tensordot(rule, matrices, axes=1)
            found[k].append(_modes(some, matrices[k], slope))
    unit = harmonics[0].frequency_unit_THz
    return [
        Gruneisen(unit * np.concatenate([f for f, _ in one]), np.concatenate([g for _, g in one]), weights)
        for one in found
    ]


def derivative_rule(places: Array, at: int) -> Array:
    """Factors of values whose sum is the derivative at one of the places, exact for polynomials of fourth order.

    With fewer than five places the order is lower: two for three.
    """
    n = min(STENCIL, len(places))
    first = int(np.clip(at - n // 2, 0, len(places) - n))
    near = slice(first, first + n)
    size = float(np.ptp(places[near]))
    powers = np.vander((places[near] - places[at]) / size, increasing=True).T
    rule = np.zeros(len(places))
    rule[near] = np.linalg.solve(powers, np.eye(n)[1]) / size
    return rule


def _chunks(qpoints: Array) -> Iterator[Array]:
    for first in range(0, len(qpoints), CHUNK):
        yield qpoints[first : first + CHUNK]


def _modes(qpoints: Array, matrices: NDArray[np.complex128], slopes: NDArray[np.complex128]) -> tuple[Array, Array]:
    """Frequencies in the unit of the matrices, and −(V/2ω²)·⟨e|∂D/∂V|e⟩; NaN for acoustic modes at Γ."""
    squares, vectors = np.linalg.eigh(matrices)
    changes = np.einsum("qis,qij,qjs->qs", vectors.conj(), slopes, vectors).real
    with np.errstate(divide="ignore", invalid="ignore"):
        parameters = -changes / (2.0 * squares)
    for row in np.flatnonzero(np.abs(qpoints).max(axis=1) < 1e-8):
        parameters[row, np.argsort(np.abs(squares[row]))[:3]] = np.nan
    return np.sign(squares) * np.sqrt(np.abs(squares)), parameters
