"""One instant of a dynamics run, as it is given to observers, guards and files."""

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
        temperature_K: kinetic temperature of the degrees of freedom that can move in the ensemble.
        conserved_eV: the quantity that exact dynamics in this ensemble conserves, without the work of ramps and the
            jumps between stages; total energy where there is none.
        stage: number of the stage, from 0.
        target_temperature_K: of the thermostat; None without one.
        target_pressure_GPa: of the barostat; None without one.
        volume_A3: of the cell; None without one.
        pressure_GPa: virial and kinetic pressure, compression positive; None without a stress from the calculator.
        is_conserved: whether exact dynamics conserves ``conserved_eV``.
    """

    step: int
    time_fs: float
    atoms: Atoms
    forces_eV_per_A: NDArray[np.float64]
    potential_eV: float
    kinetic_eV: float
    temperature_K: float
    conserved_eV: float
    stage: int = 0
    target_temperature_K: float | None = None
    target_pressure_GPa: float | None = None
    volume_A3: float | None = None
    pressure_GPa: float | None = None
    is_conserved: bool = True

    @property
    def total_eV(self) -> float:  # noqa: N802 - the unit's letters
        """Potential plus kinetic energy."""
        return self.potential_eV + self.kinetic_eV
