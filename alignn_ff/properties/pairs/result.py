"""Result of curves of pairs."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import find_peaks

from alignn_ff.properties.pairs.config import DimerConfig
from alignn_ff.properties.result import Columns, PropertyResult

FloatArray = NDArray[np.float64]

ROUNDING_EV: Final = 1e-4
"""A smaller step down is no hole."""
WAVE_EV: Final = 0.05
"""A shallower minimum is not counted."""


@dataclass(frozen=True)
class Dimer:
    """Two atoms alone.

    Attributes:
        elements: of both.
        distance: (n,) Å, ascending.
        energy: (n,) eV above two single atoms.
        force: (n,) eV/Å along the bond, positive where the atoms repel each other.
        training_A: shortest distance of this pair in the training data; None if not known.
    """

    elements: tuple[str, str]
    distance: FloatArray
    energy: FloatArray
    force: FloatArray
    training_A: float | None = None

    @property
    def name(self) -> str:
        """Such as "Si-O"."""
        return "-".join(self.elements)

    @property
    def lowest(self) -> int:
        """Index of the lowest energy at distances that the training data have."""
        allowed = self.distance >= (self.training_A or 0.0)
        start = int(np.argmax(allowed)) if allowed.any() else 0
        return start + int(np.argmin(self.energy[start:]))

    @property
    def hole_A(self) -> float | None:  # noqa: N802 - the unit's letter
        """Largest distance below the minimum at which the energy falls as the atoms come closer; None if nowhere."""
        inside = self.energy[: self.lowest + 1]
        falls = np.flatnonzero(np.diff(inside) > ROUNDING_EV)
        return float(self.distance[falls[-1] + 1]) if len(falls) else None

    @property
    def n_minima(self) -> int:
        """Number of minima of the energy that are deeper than 0.05 eV."""
        return len(find_peaks(-self.energy, prominence=WAVE_EV)[0])

    @property
    def work_error(self) -> float:
        """eV, largest difference of the energy from the work of the force, from the minimum to the end."""
        start = min(self.lowest, len(self.distance) - 4)
        distance, energy = self.distance[start:], self.energy[start:]
        work = CubicSpline(distance, self.force[start:]).antiderivative()(distance)
        return float(np.abs(energy - energy[-1] - (work[-1] - work)).max())


@dataclass(frozen=True, kw_only=True)
class DimerResult(PropertyResult):
    """Curves of pairs; ``atoms`` is one pair at its minimum.

    Attributes:
        config: how it was computed.
        dimers: one for each pair of elements.
        cutoff_A: of the model; None if not known.
    """

    config: DimerConfig
    dimers: tuple[Dimer, ...]
    cutoff_A: float | None

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Minimum of each pair."""
        found: dict[str, float | int | str | None] = {}
        for dimer in self.dimers:
            found[f"{dimer.name}_lowest_at_A"] = float(dimer.distance[dimer.lowest])
            found[f"{dimer.name}_lowest_energy_eV"] = float(dimer.energy[dimer.lowest])
        return found

    @property
    def checks(self) -> dict[str, float]:
        """Forces against energies, and what is left at the longest distance."""
        found = {}
        for dimer in self.dimers:
            found[f"{dimer.name}_energy_minus_work_of_force_eV"] = dimer.work_error
            found[f"{dimer.name}_energy_at_end_eV"] = float(dimer.energy[-1])
        return found

    @property
    def tables(self) -> dict[str, Columns]:
        """One table for each pair."""
        return {
            d.name: {"distance_A": d.distance, "energy_eV": d.energy, "force_eV_per_A": d.force} for d in self.dimers
        }
