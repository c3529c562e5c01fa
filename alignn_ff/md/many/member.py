"""One structure of dynamics that moves many: its start, its guards, and what the host has read of it."""

import logging
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.calculator.results import Results
from alignn_ff.cells import volume_A3
from alignn_ff.errors import ConfigError
from alignn_ff.graph import find_pairs, system_from_atoms
from alignn_ff.io import check_atoms
from alignn_ff.kinetics import pressure_GPa, stop_rotation, stop_translation, temperature
from alignn_ff.md.config import MDConfig
from alignn_ff.md.ensembles.suitability import admit
from alignn_ff.md.ensembles.table import ENSEMBLES
from alignn_ff.md.ensembles.timestep import check_timesteps
from alignn_ff.md.guards.checks import baseline
from alignn_ff.md.guards.table import GuardMonitor
from alignn_ff.md.many.motion import Seen
from alignn_ff.md.run.start import starting_atoms
from alignn_ff.potential import Potential
from alignn_ff.trajectory.snapshot import Snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ManyResult:
    """The run of one structure.

    Attributes:
        atoms: the last structure that the host has read, with momenta, energy, forces and stress.
        steps: (n_reports,) steps at which the host has read.
        potential_eV, kinetic_eV, temperature_K, conserved_eV: (n_reports,), as of a :class:`Snapshot`.
        stopped_by: the guard that stopped the structure, and why; None: it was not stopped.
    """

    atoms: Atoms
    steps: NDArray[np.int64]
    potential_eV: NDArray[np.float64]
    kinetic_eV: NDArray[np.float64]
    temperature_K: NDArray[np.float64]
    conserved_eV: NDArray[np.float64]
    stopped_by: str | None


class ManyMember:
    """One structure.

    Args:
        given: the start; not changed.
        rows: its atoms among those of all structures.
        potential: that evaluates it.
        config: of the run.
        seed: of its velocities.

    Attributes:
        atoms: as last read.
        system: the same at the start.
        stopped_by: the guard that stopped it, and why.

    Raises:
        ConfigError: it has constraints or extra features, or does not suit the ensemble.
        StructureError, ElementNotCoveredError, MemoryLimitError: it cannot be evaluated.
    """

    def __init__(self, given: Atoms, rows: slice, potential: Potential, config: MDConfig, *, seed: int) -> None:
        check_atoms(given)
        if given.constraints or "extra_features" in given.arrays:
            raise ConfigError("dynamics of many structures is without constraints and extra features; run_md has both")
        self.atoms = starting_atoms(given, config, np.random.default_rng(seed))
        self._stage = config.schedule[0]
        admit(config.schedule, self.atoms)
        check_timesteps(config.schedule, self.atoms)
        self.system = potential.prepare_on_host(self.atoms).system  # errors of the structure are raised here
        self._rows, self._potential = rows, potential
        self.stopped_by: str | None = None
        self._ensemble = ENSEMBLES[self._stage.ensemble]
        self._freedom = self._ensemble.freedom(self.atoms)
        if self._ensemble.thermostat and self._freedom.translation:
            stop_translation(self.atoms)
        if self._ensemble.thermostat and self._freedom.rotation:
            stop_rotation(self.atoms)
        shortest = potential.header.domain.shortest_distance_A
        start = baseline(self.atoms, hottest_K=self._stage.hottest_K, shortest_A=shortest)
        self._monitor = GuardMonitor(config.limits, start)
        self._calculator = AlignnCalculator(potential, outside="ignore")
        self._kept: list[tuple[float, ...]] = []
        self._last = self.atoms.copy()

    def read(self, place: int, seen: Seen, step: int) -> Snapshot | None:
        """Take over what the device has of the structure at a place; None where a guard stops it."""
        now = self._snapshot(place, seen, step)
        found = self._monitor.check(now)
        reason = None if found is None else f"{found[0]}: {found[1].message}"
        if found is None and seen.stopped[place]:
            reason = "finite: energy or forces became numbers that are not finite"
        if reason is not None:
            self.stopped_by = f"step {step}, {reason}"
            log.warning("structure %d: %s", place, self.stopped_by)
            return None
        self._kept.append((step, now.potential_eV, now.kinetic_eV, now.temperature_K, now.conserved_eV))
        self._last = self.atoms.copy()
        self._last.calc = SinglePointCalculator(self._last, **self._calculator.results)
        return now

    def result(self) -> ManyResult:
        """What was read, as long as no guard stopped the structure."""
        steps, potential, kinetic, temperatures, conserved = np.array(self._kept).reshape(-1, 5).T
        steps = steps.astype(np.int64)
        return ManyResult(self._last, steps, potential, kinetic, temperatures, conserved, self.stopped_by)

    def _snapshot(self, place: int, seen: Seen, step: int) -> Snapshot:
        self._take(place, seen)
        atoms, stage = self.atoms, self._stage
        potential, kinetic = float(seen.energy[place]), float(atoms.get_kinetic_energy())
        return Snapshot(
            step=step,
            time_fs=step * stage.timestep_fs,
            atoms=atoms,
            forces_eV_per_A=self._calculator.results["forces"],
            potential_eV=potential,
            kinetic_eV=kinetic,
            temperature_K=temperature(atoms, self._freedom),
            conserved_eV=potential + kinetic - float(seen.heat[place]),
            target_temperature_K=stage.hottest_K if self._ensemble.thermostat else None,
            volume_A3=volume_A3(atoms),
            pressure_GPa=pressure_GPa(atoms, self._calculator.results.get("stress")),
        )

    def _take(self, place: int, seen: Seen) -> None:
        """Positions, momenta, results and findings of the structure, in a calculator that computes nothing more."""
        rows, calculator, energy = self._rows, self._calculator, float(seen.energy[place])
        self.atoms.calc = None
        self.atoms.positions = seen.positions[rows]
        self.atoms.set_momenta(seen.momenta[rows])
        forces, stress = seen.forces[rows].copy(), seen.stress[place]
        calculator.results = Results(energy=energy, free_energy=energy, forces=forces)
        if not np.isnan(stress).any():
            calculator.results["stress"] = full_3x3_to_voigt_6_stress(stress)
        pairs = None
        if seen.looks[place] and np.isfinite(self.atoms.positions).all():
            pairs = find_pairs(system_from_atoms(self.atoms), self._potential.header.graph)
        calculator.findings = self._potential.outside(self.atoms, pairs, energy, forces)
        calculator.atoms = self.atoms.copy()
        self.atoms.calc = calculator
