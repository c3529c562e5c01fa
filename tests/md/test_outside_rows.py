"""Rows from outside the package: an added ensemble and an added guard, used through the public API."""

from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.md.verlet import VelocityVerlet
from numpy.testing import assert_array_equal

from alignn_ff.errors import ConfigError, SimulationError
from alignn_ff.md import ENSEMBLES, GUARDS, Ensemble, GuardLimits, MDConfig, md_files, resume_md, run_md
from alignn_ff.md.ensembles.table import remembers
from alignn_ff.md.guards.checks import Violation
from alignn_ff.md.guards.table import Guard, limit_of
from tests.support.command_line import CommandLine


class Damped(VelocityVerlet):
    """Velocity Verlet that removes a part of the momenta in each step, and sums the heat."""

    heat_eV = 0.0

    def step(self, forces=None):
        forces = super().step(forces)
        before = self.atoms.get_kinetic_energy()
        self.atoms.set_momenta(0.99 * self.atoms.get_momenta())
        self.heat_eV += self.atoms.get_kinetic_energy() - before
        return forces


@pytest.fixture
def damped(monkeypatch):
    row = Ensemble(
        build=lambda atoms, stage, coupling: Damped(atoms, timestep=stage.timestep_fs * units.fs),
        aim=lambda integrator, targets, coupling: None,
        conserved=lambda integrator, total_eV: total_eV - integrator.heat_eV,
        conserved_quantity="potential + kinetic energy − heat taken by the damping",
        help="damped dynamics",
        state=remembers("heat_eV"),
        thermostat=False,
        cold=True,
    )
    monkeypatch.setitem(ENSEMBLES, "damped", row)


def argon():
    atoms = bulk("Ar", cubic=True, a=5.3)
    atoms.rattle(0.02, seed=1)
    return atoms


def potential():
    return LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0, smooth=True)


CONFIG = {"ensemble": "damped", "steps": 12, "timestep_fs": 2.0, "temperature_K": 40.0}


@pytest.mark.usefixtures("damped")
def test_an_ensemble_from_outside_runs_and_conserves_its_quantity():
    quantity = []
    result = run_md(
        argon(), potential(), config=MDConfig(**CONFIG), on_step=lambda snapshot: quantity.append(snapshot.conserved_eV)
    )
    assert result.conserved_quantity.endswith("damping")
    assert np.ptp(quantity) < 1e-3
    assert result.final_temperature_K < 0.8 * 40.0


@pytest.mark.usefixtures("damped")
def test_an_ensemble_from_outside_resumes_to_the_same_bits(tmp_path: Path):
    whole = run_md(argon(), potential(), config=MDConfig(**CONFIG))
    files = md_files(Path("argon.xyz"), prefix=tmp_path / "argon")
    run_md(argon(), potential(), config=MDConfig(**{**CONFIG, "steps": 5}), files=files)
    parts = resume_md(files.restart, calculator=potential(), steps=12)
    assert_array_equal(parts.atoms.positions, whole.atoms.positions)
    assert parts.last_stage.drift_meV_per_atom_per_ps == whole.last_stage.drift_meV_per_atom_per_ps


@pytest.mark.usefixtures("damped")
def test_an_ensemble_from_outside_is_in_the_help_the_schema_and_the_messages(command_line: CommandLine):
    assert "damped" in command_line("md", "--help").stdout
    assert "damped" in MDConfig.model_json_schema()["properties"]["ensemble"]["enum"]
    with pytest.raises(ConfigError, match="damped"):
        MDConfig(steps=1, ensemble="dampd")


def slow(snapshot, limits, start):
    limit = limit_of("slow", limits)
    if limit is None or snapshot.temperature_K >= limit:
        return None
    return Violation(f"the temperature is {snapshot.temperature_K:.1f} K (limit {limit:g} K)", "slow")


@pytest.mark.parametrize("further, stops", [({}, False), ({"slow": 1000.0}, True), ({"slow": None}, False)])
def test_a_guard_from_outside_stops_a_run_at_its_own_limit(further, stops, monkeypatch):
    monkeypatch.setitem(GUARDS, "slow", Guard(slow, "a cold structure", default=0.0))
    config = MDConfig(steps=3, temperature_K=40.0, guards=GuardLimits(further=further))
    if stops:
        with pytest.raises(SimulationError, match="slow"):
            run_md(argon(), potential(), config=config)
    else:
        run_md(argon(), potential(), config=config)


def test_a_guard_that_is_not_in_the_table_is_refused():
    with pytest.raises(ConfigError, match="unknown guard slow"):
        MDConfig(steps=1, guards=GuardLimits(further={"slow": 1.0}))
