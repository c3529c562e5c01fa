"""Langevin dynamics that keeps account of the heat of its thermostat."""

import numpy as np
from ase import Atoms, units
from ase.md.langevinbaoab import LangevinBAOAB


class CountingLangevin(LangevinBAOAB):
    """ASE's BAOAB Langevin integrator, adding up the kinetic energy that its thermostat gives and takes.

    Potential + kinetic energy − heat is what the thermostat leaves alone: its drift is the error of the
    time step alone (the shadow work of Sivak, Chodera and Crooks, Phys. Rev. X 3, 011007, 2013), as the
    drift of the total energy is in the NVE ensemble.

    Positions are sampled exactly for harmonic motion; momenta are cold by a factor 1 − (ω·Δt)²/4 (0.1 % for
    silicon at 1 fs).

    Args:
        atoms: with momenta and calculator; moved in place.
        timestep_fs: length of a step.
        temperature_K: of the thermostat.
        friction_per_fs: how fast the thermostat takes hold.
        rng: source of the random forces.

    Attributes:
        heat_eV: taken from the thermostat so far.
    """

    def __init__(
        self,
        atoms: Atoms,
        *,
        timestep_fs: float,
        temperature_K: float,
        friction_per_fs: float,
        rng: np.random.Generator,
    ) -> None:
        self.heat_eV = 0.0
        super().__init__(  # type: ignore[no-untyped-call]
            atoms, timestep_fs * units.fs, temperature_K=temperature_K, T_tau=units.fs / friction_per_fs, rng=rng
        )

    def _BAOAB_OU(self, drag_gamma_mod: float = 0.0) -> None:  # noqa: N802 - the name is ASE's
        before = self.atoms.get_kinetic_energy()
        LangevinBAOAB._BAOAB_OU(self, drag_gamma_mod)
        self.heat_eV += self.atoms.get_kinetic_energy() - before
