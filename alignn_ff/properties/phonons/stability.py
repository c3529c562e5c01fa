"""Imaginary modes: where the lowest one is, and what it leads to."""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.numbers import Bands
from alignn_ff.properties.reference import relaxation_of
from alignn_ff.properties.work import Work

Array = NDArray[np.float64]

IMAGINARY_THZ: Final = -0.05
"""Modes below this frequency are unstable; above, they are noise of symmetrised force constants."""
NEAR_GAMMA: Final = 1e-6
FOLLOW_A: Final = 0.1
"""Å, largest displacement along an unstable mode before relaxation."""
FOLLOW_FMAX: Final = 1e-3
"""eV/Å, limit on the forces of that relaxation, whose energy and symmetry are what is asked for."""


class LowestMode(NamedTuple):
    """The lowest mode of a crystal; the three acoustic ones at Γ do not count.

    Attributes:
        frequency_THz: negative if imaginary.
        qpoint: (3,) fractional in the reciprocal primitive cell.
        fraction: of all modes on the mesh that are imaginary.
    """

    frequency_THz: float
    qpoint: tuple[float, float, float]
    fraction: float

    @property
    def stable(self) -> bool:
        """Whether no mode is imaginary."""
        return self.frequency_THz >= IMAGINARY_THZ


class Followed(NamedTuple):
    """Where an unstable mode leads.

    Attributes:
        atoms: the structure found.
        gain_meV_per_atom: its energy below that of the crystal.
        qpoint: of the mode.
        frequency_THz: of the mode.
    """

    atoms: Atoms
    gain_meV_per_atom: float
    qpoint: tuple[float, float, float]
    frequency_THz: float


def lowest_mode(harmonic: Harmonic, bands: Bands, mesh_length_A: float) -> LowestMode:
    """Of the path, of a mesh, and of the points where frequencies are exact."""
    points = harmonic.commensurate_points()
    mesh_points, weights, mesh = harmonic.mesh(mesh_length_A)
    everywhere = [
        (np.concatenate(bands.qpoints), np.concatenate(bands.frequencies)),
        (points, harmonic.frequencies(points)),
        (mesh_points, mesh),
    ]
    qpoints = np.concatenate([q for q, _ in everywhere])
    frequencies = without_acoustic(qpoints, np.concatenate([f for _, f in everywhere]))
    at = np.unravel_index(np.nanargmin(frequencies), frequencies.shape)
    q = qpoints[at[0]]
    counted = without_acoustic(mesh_points, mesh)
    unstable = float(np.average((counted < IMAGINARY_THZ).mean(axis=1), weights=weights))
    return LowestMode(float(frequencies[at]), (float(q[0]), float(q[1]), float(q[2])), unstable)


def lowest_exact_frequency(harmonic: Harmonic) -> float:
    """THz, the lowest at the points whose waves fit into the supercell; acoustic modes at Γ do not count."""
    points = harmonic.commensurate_points()
    return float(np.nanmin(without_acoustic(points, harmonic.frequencies(points))))


def without_acoustic(qpoints: Array, frequencies: Array) -> Array:
    """Frequencies with NaN for the three of smallest size at Γ."""
    kept = frequencies.copy()
    for row in np.flatnonzero(np.abs(qpoints - np.rint(qpoints)).max(axis=1) < NEAR_GAMMA):
        kept[row, np.argsort(np.abs(frequencies[row]))[:3]] = np.nan
    return kept


def follow(work: Work, harmonic: Harmonic, energy_per_atom: float, config: PropertyConfig) -> Followed | None:
    """Displace the supercell along its most unstable mode and relax it without symmetry.

    Args:
        work: evaluates.
        harmonic: with force constants.
        energy_per_atom: eV, of the crystal.
        config: of the relaxation.

    Returns:
        What was found; None if no mode that fits into the supercell is unstable.
    """
    points = harmonic.commensurate_points()
    frequencies = without_acoustic(points, harmonic.frequencies(points))
    at = np.unravel_index(np.nanargmin(frequencies), frequencies.shape)
    if frequencies[at] >= IMAGINARY_THZ:
        return None
    start = harmonic.modulated(points[at[0]], int(at[1]), FOLLOW_A)
    settings = relaxation_of(config, "free").model_copy(
        update={"fmax_eV_per_A": max(config.fmax_eV_per_A, FOLLOW_FMAX)}
    )
    relaxed = work.relax("along the unstable mode", start, settings, must_converge=False)
    gain = 1000.0 * (energy_per_atom - relaxed.energy / len(relaxed.atoms))
    q = points[at[0]]
    return Followed(relaxed.atoms, gain, (float(q[0]), float(q[1]), float(q[2])), float(frequencies[at]))
