"""One instant of a dynamics run, as observers, guards and files see it."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray


class Snapshot(NamedTuple):
    """State after a step.

    Attributes:
        step: number of steps done.
        time_fs: simulated time.
        atoms: positions, momenta and cell; belongs to the integrator, so copy before keeping it.
        forces_eV_per_A: (n_atoms, 3), as the calculator gives them, constraints not applied.
        potential_eV, kinetic_eV: energies.
        temperature_K: kinetic temperature of the degrees of freedom that the ensemble lets move.
        conserved_eV: the quantity that exact dynamics in this ensemble keeps constant.
    """

    step: int
    time_fs: float
    atoms: Atoms
    forces_eV_per_A: NDArray[np.float64]
    potential_eV: float
    kinetic_eV: float
    temperature_K: float
    conserved_eV: float

    @property
    def total_eV(self) -> float:  # noqa: N802 - the unit's letters
        """Potential plus kinetic energy."""
        return self.potential_eV + self.kinetic_eV
