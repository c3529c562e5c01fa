"""One structure of dynamics that moves many: its start, its guards, and what the host reads of it."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.calculator.results import Results
from alignn_ff.cells import volume_A3
from alignn_ff.errors import ConfigError
from alignn_ff.graph import AtomicSystem, find_pairs, system_from_atoms
from alignn_ff.io import check_atoms
from alignn_ff.kinetics import pressure_GPa, stop_rotation, stop_translation, temperature
from alignn_ff.md.config import MDConfig
from alignn_ff.md.ensembles.suitability import admit
from alignn_ff.md.ensembles.table import ENSEMBLES
from alignn_ff.md.ensembles.timestep import check_timesteps
from alignn_ff.md.guards.checks import Baseline, Violation, baseline
from alignn_ff.md.guards.table import GuardMonitor
from alignn_ff.md.many.motion import Seen
from alignn_ff.md.run.start import starting_atoms
from alignn_ff.potential import Potential
from alignn_ff.trajectory.snapshot import Snapshot


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


def many_start(given: Atoms, config: MDConfig, *, seed: int) -> Atoms:
    """The start of one structure: a copy with momenta.

    Args:
        given: not changed.
        config: of the run.
        seed: of its velocities.

    Raises:
        ConfigError: it has constraints or extra features, or does not suit the ensemble.
        StructureError: it cannot be the start of a run.
    """
    check_atoms(given)
    if given.constraints or "extra_features" in given.arrays:
        raise ConfigError("dynamics of many structures is without constraints and extra features; run_md has both")
    atoms, ensemble = starting_atoms(given, config, np.random.default_rng(seed)), ENSEMBLES[config.schedule[0].ensemble]
    admit(config.schedule, atoms)
    check_timesteps(config.schedule, atoms)
    freedom = ensemble.freedom(atoms)
    if ensemble.thermostat and freedom.translation:
        stop_translation(atoms)
    if ensemble.thermostat and freedom.rotation:
        stop_rotation(atoms)
    return atoms


class ManyMember:
    """One structure.

    Args:
        atoms: with momenta, as of :func:`many_start`; they become those that were last read.
        potential: that evaluates it.
        config: of the run.
        compared_with: reference values of its guards; None: those of ``atoms``.

    Attributes:
        atoms: as last read.
        monitor: calls its guards.
        freedom: its degrees of freedom that have the temperature.

    Raises:
        StructureError, ElementNotCoveredError, MemoryLimitError: it cannot be evaluated.
    """

    def __init__(
        self, atoms: Atoms, potential: Potential, config: MDConfig, *, compared_with: Baseline | None = None
    ) -> None:
        self.atoms, self._stage, self._potential = atoms, config.schedule[0], potential
        potential.prepare_on_host(atoms)  # errors of the structure are raised here
        self._ensemble = ENSEMBLES[self._stage.ensemble]
        self.freedom = self._ensemble.freedom(atoms)
        if compared_with is None:
            shortest = potential.header.domain.shortest_distance_A
            compared_with = baseline(atoms, hottest_K=self._stage.hottest_K, shortest_A=shortest)
        self.monitor = GuardMonitor(config.limits, compared_with)
        self._calculator = AlignnCalculator(potential, outside="ignore")

    def system(self) -> AtomicSystem:
        """The structure as last read."""
        return self._potential.prepare_on_host(self.atoms).system

    def read(self, place: int, rows: slice, seen: Seen, step: int) -> tuple[Snapshot, tuple[str, Violation] | None]:
        """Take over what the device has of the structure.

        Args:
            place: among all structures.
            rows: its atoms among those of all structures.
            seen: of all structures.
            step: of this one.

        Returns:
            Its state, and the name of the guard that stops it with what it found.
        """
        now = self._snapshot(place, rows, seen, step)
        found = self.monitor.check(now)
        if found is None and seen.stopped[place]:
            found = ("finite", Violation("energy or forces became numbers that are not finite"))
        return now, found

    def _snapshot(self, place: int, rows: slice, seen: Seen, step: int) -> Snapshot:
        self._take(place, rows, seen)
        atoms, stage = self.atoms, self._stage
        potential, kinetic = float(seen.energy[place]), float(atoms.get_kinetic_energy())
        return Snapshot(
            step=step,
            time_fs=step * stage.timestep_fs,
            atoms=atoms,
            forces_eV_per_A=self._calculator.results["forces"],
            potential_eV=potential,
            kinetic_eV=kinetic,
            temperature_K=temperature(atoms, self.freedom),
            conserved_eV=potential + kinetic - float(seen.heat[place]),
            target_temperature_K=stage.hottest_K if self._ensemble.thermostat else None,
            volume_A3=volume_A3(atoms),
            pressure_GPa=pressure_GPa(atoms, self._calculator.results.get("stress")),
        )

    def _take(self, place: int, rows: slice, seen: Seen) -> None:
        """Positions, momenta, results and findings of the structure, in a calculator that computes nothing more."""
        calculator, energy = self._calculator, float(seen.energy[place])
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
