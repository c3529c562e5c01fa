"""Dynamics of many structures on a device: the steps of a run of each alone."""

import logging

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.constraints import FixAtoms
from numpy.testing import assert_allclose

from alignn_ff import AlignnCalculator
from alignn_ff.errors import ConfigError
from alignn_ff.md import MDConfig, Snapshot, run_md
from alignn_ff.md.guards import GuardLimits
from alignn_ff.md.many import run_many_md
from alignn_ff.md.many.motion import ResidentVerlet, Thermostat
from alignn_ff.resident_many import Found
from tests.support.tiny_models import tiny_header, tiny_potential

NO_GUARDS = GuardLimits(
    max_temperature_K=None, max_drift_meV_per_atom_per_ps=None, max_escape_A=None, min_distance_fraction=None
)


@pytest.fixture
def calculator() -> AlignnCalculator:
    potential = tiny_potential()
    potential.executor.use("eager")
    return AlignnCalculator(potential, outside="ignore")


def structures() -> list[Atoms]:
    return [bulk("Si", cubic=True), molecule("Si2H6", vacuum=4.0), bulk("Si", a=5.6)]


def test_constant_energy_makes_the_steps_of_a_run_of_each_alone(calculator: AlignnCalculator) -> None:
    config = MDConfig(steps=25, timestep_fs=0.5, temperature_K=300.0, seed=3, log_every=10, guards=NO_GUARDS)
    reports: list[tuple[int, int]] = []

    def note(place: int, snapshot: Snapshot) -> None:
        reports.append((place, snapshot.step))

    found = run_many_md(structures(), calculator, config=config, on_report=note)
    assert sorted(reports) == [(place, step) for place in range(3) for step in (0, 10, 20, 25)]
    for k, (start, result) in enumerate(zip(structures(), found, strict=True)):
        own = config.model_copy(update={"seed": 3 + k})
        snapshots = list[Snapshot]()
        alone = run_md(start, calculator, config=own, on_step=lambda now, kept=snapshots: kept.append(now))
        assert_allclose(result.atoms.positions, alone.atoms.positions, atol=1e-9)
        assert_allclose(result.atoms.get_momenta(), alone.atoms.get_momenta(), atol=1e-9)
        assert_allclose(result.atoms.get_forces(), alone.atoms.get_forces(), atol=1e-9)
        expected = [snapshots[step] for step in result.steps]
        for name in ("potential_eV", "kinetic_eV", "temperature_K", "conserved_eV"):
            assert_allclose(getattr(result, name), [getattr(one, name) for one in expected], atol=1e-7)
        assert result.stopped_by is None


def test_results_do_not_depend_on_when_the_host_reads(calculator: AlignnCalculator) -> None:
    ends = []
    for every in (3, 20):
        config = MDConfig(steps=20, ensemble="nvt_langevin", temperature_K=600.0, log_every=every, guards=NO_GUARDS)
        ends.append([one.atoms.positions for one in run_many_md(structures(), calculator, config=config)])
    for one, other in zip(*ends, strict=True):
        assert_allclose(one, other, atol=1e-9)


def test_langevin_dynamics_samples_a_harmonic_crystal_and_counts_its_heat() -> None:
    """Of springs, whose mean squares are known; the conserved quantity is potential + kinetic energy − heat."""
    kT_eV, spring = 0.05, 2.0
    atoms = [Atoms("Si8", positions=np.zeros((8, 3)), cell=np.eye(3), momenta=np.zeros((8, 3))) for _ in range(40)]
    timestep = 5.0 * units.fs
    motion = ResidentVerlet(
        atoms, timestep, [Thermostat(kT_eV, np.exp(-5.0 / 50.0), k) for k in range(40)], torch.device("cpu")
    )
    squares, kinetic, conserved = [], [], []
    n_steps = 1500
    for step in range(n_steps):
        positions, _ = motion.place()
        forces = -spring * positions
        energy = 0.5 * spring * positions.square().view(40, -1).sum(1)
        motion.begin(step)
        motion.move(Found(energy, forces, torch.zeros(40, 3, 3), torch.zeros(40).bool(), torch.tensor(True)))
        seen = motion.seen(motion.report().numpy())
        own_kinetic = (seen.momenta**2).reshape(40, -1).sum(1) / (2.0 * atoms[0].get_masses()[0])
        conserved.append(seen.energy + own_kinetic - seen.heat)
        if step > 200:
            squares.append(np.mean(seen.positions**2))
            kinetic.append(np.mean(own_kinetic) / 24)
    assert np.mean(squares) == pytest.approx(kT_eV / spring, rel=0.03)
    assert np.mean(kinetic) == pytest.approx(0.5 * kT_eV, rel=0.03)
    assert np.abs(conserved[-1] - conserved[0]).max() < 0.2 * 24 * kT_eV  # heat of some hundred kT went in and out
    assert seen.heat.max() > 0


def test_a_structure_that_a_guard_stops_stays_and_the_others_go_on(
    calculator: AlignnCalculator, caplog: pytest.LogCaptureFixture
) -> None:
    hot = bulk("Si", cubic=True)
    hot.set_momenta(np.full((8, 3), 1.0) * np.array([[(-1.0) ** k] for k in range(8)]) * 60.0)
    cold = bulk("Si", cubic=True)
    cold.set_momenta(np.zeros((8, 3)))
    guards = NO_GUARDS.model_copy(update={"max_temperature_K": 9000.0})
    config = MDConfig(steps=8, keep_velocities=True, log_every=2, guards=guards, timestep_fs=0.1, temperature_K=0.0)
    with caplog.at_level(logging.WARNING):
        stopped, whole = run_many_md([hot, cold], calculator, config=config)
    assert stopped.stopped_by is not None
    assert "temperature" in stopped.stopped_by
    assert "structure 0: step 0, temperature" in caplog.text
    assert (len(stopped.steps), whole.stopped_by) == (0, None)
    assert whole.steps.tolist() == [0, 2, 4, 6, 8]


def test_pairs_that_are_too_close_are_found_as_in_a_run_of_one() -> None:
    header = tiny_header()
    domain = header.domain.model_copy(update={"shortest_distance_A": {"Si-Si": 2.3}})
    potential = tiny_potential(header.model_copy(update={"domain": domain}))
    potential.executor.use("eager")
    close = bulk("Si", cubic=True)
    close.positions[1] -= 0.4
    config = MDConfig(steps=2, temperature_K=10.0, allow_unseen_pairs=True)
    (result,) = run_many_md([close], AlignnCalculator(potential, outside="ignore"), config=config)
    assert result.stopped_by is not None
    assert result.stopped_by.startswith("step 0, distance: atom(s) 0 (Si), 1 (Si) are 1.6")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ensemble": "nvt_bussi"}, "one stage of nve or nvt_langevin at one temperature.*nvt_bussi"),
        ({"ensemble": "nvt_langevin", "temperature_K": (300.0, 600.0)}, "at one temperature"),
        ({"uncertain_above": 0.1}, "no limits of the uncertainty"),
    ],
)
def test_what_a_device_cannot_run_is_refused(
    calculator: AlignnCalculator, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run_many_md(structures(), calculator, config=MDConfig.model_validate({"steps": 1, **fields}))
    with pytest.raises(ConfigError, match="no structures"):
        run_many_md([], calculator, config=MDConfig(steps=1))
    fixed = bulk("Si")
    fixed.set_constraint(FixAtoms([0]))
    with pytest.raises(ConfigError, match="without constraints"):
        run_many_md([fixed], calculator, config=MDConfig(steps=1))
