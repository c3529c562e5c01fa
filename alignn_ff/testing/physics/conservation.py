"""What is conserved: momentum, angular momentum, energy in dynamics; and the numbers themselves when asked twice."""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms, units
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from alignn_ff.errors import StructureError
from alignn_ff.kinetics import stop_translation
from alignn_ff.testing.law import (
    QUICK_STRUCTURES,
    Curve,
    Figure,
    Law,
    Measured,
    Setting,
    equal,
    named,
)
from alignn_ff.testing.structures import NAMES
from alignn_ff.testing.subjects import FloatArray

TEMPERATURE_K: Final = 300.0
MASS_OF_1_FS: Final = 28.0
"""Mass, u, of the lightest atom for which a timestep of 1 fs is taken; it scales with the root of the mass."""

DRIFT_LIMIT: Final = 1.0
"""meV per atom and ps."""

RATIO_LIMIT: Final = 0.05
"""Drift of the total energy over the run, in units of the spread of the kinetic energy."""

FALL: Final = 6.0
"""How far the error of the energy must fall with a quarter of the timestep; conservative forces give sixteenfold."""


def _sum_of_forces(setting: Setting, name: str) -> Measured:
    total = setting.results(setting.example(name)).forces.sum(axis=0)
    return Measured((Figure("sum of the forces", float(np.abs(total).max()), setting.tolerances.same, "eV/Å"),))


def _torque(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    positions = atoms.positions - atoms.positions.mean(axis=0)
    torque = np.cross(positions, setting.results(atoms).forces).sum(axis=0)
    limit = setting.tolerances.turned * max(1.0, float(np.abs(positions).max()))
    return Measured((Figure("sum of the torques", float(np.abs(torque).max()), limit, "eV"),))


def _twice(setting: Setting, name: str) -> Measured:
    atoms, other = setting.example(name), setting.example("free atom")
    first = setting.results(atoms)
    setting.results(other)
    return Measured(
        equal(setting.results(atoms), first, same=0.0 if setting.sums_in_order else setting.tolerances.same)
    )


class _Run(NamedTuple):
    """Energies per atom of a run, eV, and its times, ps."""

    times_ps: FloatArray
    total_eV: FloatArray
    kinetic_eV: FloatArray

    @property
    def drift(self) -> float:
        """Mean of the last quarter minus mean of the first, so that oscillations do not count."""
        quarter = max(1, len(self.total_eV) // 4)
        return float(self.total_eV[-quarter:].mean() - self.total_eV[:quarter].mean())

    @property
    def drift_per_ps(self) -> float:
        """Drift per time, eV/ps."""
        return abs(self.drift) / (0.75 * float(self.times_ps[-1]))

    @property
    def largest(self) -> float:
        """Largest change of the total energy, eV."""
        return float(np.abs(self.total_eV - self.total_eV[0]).max())

    @property
    def ratio(self) -> float:
        """Drift over the spread of the kinetic energy."""
        return abs(self.drift) / float(self.kinetic_eV.std())

    @property
    def holds(self) -> bool:
        """Whether both limits are kept."""
        return 1000 * self.drift_per_ps <= DRIFT_LIMIT and self.ratio <= RATIO_LIMIT


def _dynamics(setting: Setting, name: str) -> Measured:
    """The drift keeps its limit, or the error of the energy falls nearly like the square of the timestep."""
    atoms = setting.example(name)
    steps = setting.effort.md_steps
    timestep_fs = min(1.0, float(np.sqrt(atoms.get_masses().min() / MASS_OF_1_FS)))
    try:
        run = _run(setting, atoms, timestep_fs, steps)
    except StructureError:  # a stiff potential needs smaller steps
        timestep_fs /= 16
        run = _run(setting, atoms, timestep_fs, steps)
    how = f"{len(atoms)} atoms, {steps} steps of {timestep_fs:.2g} fs"
    figures = [
        Figure("drift of the total energy", 1000 * run.drift_per_ps, DRIFT_LIMIT, "meV/atom/ps", how),
        Figure("drift ÷ spread of the kinetic energy", run.ratio, RATIO_LIMIT, "", how),
    ]
    if not run.holds:
        finer = _run(setting, atoms, timestep_fs / 4, 4 * steps)
        how = f"{how}; drift there {1000 * run.drift_per_ps:.3g} meV/atom/ps, {run.ratio:.2g} of the kinetic spread"
        told = "change of the total energy at a quarter of the timestep"
        figures = [Figure(told, 1000 * finer.largest, 1000 * run.largest / FALL, "meV/atom", how)]
        run = finer
    curve = Curve(
        f"total energy in dynamics, {name}",
        "time (ps)",
        "total energy (meV/atom)",
        tuple(run.times_ps.tolist()),
        tuple((1000 * (run.total_eV - run.total_eV[0])).tolist()),
    )
    return Measured(tuple(figures), (curve,))


def _run(setting: Setting, start: Atoms, timestep_fs: float, steps: int) -> _Run:
    atoms = start.copy()
    atoms.set_constraint()
    atoms.calc = setting.subject.calculator()
    thermalize_momenta(atoms, TEMPERATURE_K, rng=np.random.default_rng(6))
    stop_translation(atoms)
    energies = []
    dynamics = VelocityVerlet(atoms, timestep=timestep_fs * units.fs)
    dynamics.attach(lambda: energies.append((atoms.get_potential_energy(), atoms.get_kinetic_energy())))
    dynamics.run(steps)
    potential, kinetic = np.array(energies, dtype=np.float64).T / len(atoms)
    times_ps = 0.001 * timestep_fs * np.arange(len(energies), dtype=np.float64)
    return _Run(times_ps, potential + kinetic, kinetic)


CONSERVATION: Final[dict[str, Law]] = {
    "forces_sum_to_zero": Law(
        "no net force",
        "sum of the forces",
        _sum_of_forces,
        cases={"name": named(NAMES)},
        quick={"name": QUICK_STRUCTURES},
    ),
    "torques_sum_to_zero_in_free_space": Law(
        "no net torque on a molecule",
        "sum of the torques",
        _torque,
        cases={"name": named(["molecule", "molecule in a box", "close pair"])},
        suits=lambda atoms: not atoms.pbc.any(),
    ),
    "same_structure_has_the_same_bits": Law(
        "the same bits twice",
        "largest change, with another structure in between",
        _twice,
        cases={"name": named(["rattled bulk", "molecule"])},
    ),
}
"""Rows of the table of laws."""

DYNAMICS: Final[dict[str, Law]] = {
    "energy_is_conserved_in_dynamics": Law(
        "energy is conserved in dynamics",
        "drift of the total energy without a thermostat",
        _dynamics,
        nature="smoothness",
        cases={"name": named(["rattled bulk", "molecule"])},
        quick={"name": ["rattled bulk"]},
    ),
}
"""Rows of the table of laws that take the longest."""
