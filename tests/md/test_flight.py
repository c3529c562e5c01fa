"""A flight of dynamics: files and steps of a run of each alone, whoever is beside it and wherever it was killed."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from numpy.testing import assert_allclose

from alignn_ff import AlignnCalculator
from alignn_ff.errors import ConfigError, SimulationError
from alignn_ff.md import MDConfig, MDFiles, run_md
from alignn_ff.md.guards import GuardLimits
from alignn_ff.md.many import flight as flights
from alignn_ff.md.many.flight import DynamicsFlight
from alignn_ff.md.many.noise import keys_of_atoms, normals
from alignn_ff.md.result import MDResult
from tests.support.tiny_models import tiny_potential

NO_GUARDS = GuardLimits(
    max_temperature_K=None, max_drift_meV_per_atom_per_ps=None, max_escape_A=None, min_distance_fraction=None
)
ENSEMBLES = pytest.mark.parametrize("ensemble", ["nve", "nvt_langevin"])


@pytest.fixture
def calculator() -> AlignnCalculator:
    potential = tiny_potential()
    potential.executor.use("eager")
    return AlignnCalculator(potential, outside="ignore", resident=True)


def structures() -> list[Atoms]:
    return [bulk("Si", cubic=True), molecule("Si2H6", vacuum=4.0), bulk("Si", a=5.6)]


def settings(**fields: Any) -> MDConfig:
    given = {"steps": 24, "timestep_fs": 0.5, "temperature_K": 300.0, "log_every": 5, "write_every": 6, **fields}
    return MDConfig.model_validate({"guards": NO_GUARDS, "checkpoint_every": 7, **given})


def flown(
    folder: Path, calculator: AlignnCalculator, config: MDConfig, *, n_slots: int, most_reports: int | None = None
) -> dict[int, MDResult | Exception]:
    """Results; after some reports the files are kept in "killed", as a process leaves them that is killed."""
    flight = DynamicsFlight(calculator, config, n_slots=n_slots)
    waiting, ended, n_reports = list(enumerate(structures())), dict[int, MDResult | Exception](), 0
    while waiting or flight.n_open:
        while waiting and flight.has_room:
            key, atoms = waiting.pop(0)
            own = config.model_copy(update={"seed": config.seed + key})
            flight.add(key, atoms, own, MDFiles(folder / str(key)))
        ended |= {landed.key: landed.result for landed in flight.advance()}
        n_reports += 1
        if n_reports == most_reports:
            shutil.copytree(folder, folder.with_name("killed"))
            flight.close()
            break
    return ended


def rows(path: Path) -> list[list[float]]:
    with path.open() as file:
        return [[float(cell or "nan") for cell in row] for row in list(csv.reader(file))[1:]]


def assert_same_files(folder: Path, other: Path, key: int) -> None:
    assert_allclose(rows(folder / f"{key}.csv"), rows(other / f"{key}.csv"), rtol=1e-9, atol=1e-7)
    one, two = (ase.io.read(place / f"{key}.extxyz", ":") for place in (folder, other))
    assert [frame.info["step"] for frame in one] == [frame.info["step"] for frame in two]
    for frame, twin in zip(one, two, strict=True):
        assert_allclose(frame.positions, twin.positions, atol=1e-7)
        assert_allclose(frame.get_forces(), twin.get_forces(), atol=1e-7)


@pytest.mark.parametrize("n_slots", [1, 2, 3])
def test_constant_energy_gives_files_and_steps_of_a_run_of_each_alone(
    tmp_path: Path, calculator: AlignnCalculator, n_slots: int
) -> None:
    config = settings(seed=3)
    found = flown(tmp_path, calculator, config, n_slots=n_slots)
    for key, atoms in enumerate(structures()):
        own = config.model_copy(update={"seed": 3 + key})
        files = MDFiles(tmp_path / "alone" / str(key))
        alone, result = run_md(atoms, calculator, config=own, files=files), found[key]
        assert isinstance(result, MDResult)
        assert_allclose(result.atoms.positions, alone.atoms.positions, atol=1e-9)
        assert_allclose(result.atoms.get_momenta(), alone.atoms.get_momenta(), atol=1e-9)
        assert_same_files(tmp_path, tmp_path / "alone", key)
        written, expected = (
            json.loads((place / f"{key}.json").read_text()) for place in (tmp_path, files.prefix.parent)
        )
        assert written.keys() == expected.keys()
        for name in ("n_steps", "simulated_time_fs"):
            assert written[name] == expected[name]
        assert written["total_energy_last_eV"] == pytest.approx(expected["total_energy_last_eV"], abs=1e-8)


@ENSEMBLES
@pytest.mark.parametrize("most_reports", [1, 3, 6])
def test_a_killed_flight_goes_on_to_the_same_numbers(
    tmp_path: Path, calculator: AlignnCalculator, ensemble: str, most_reports: int
) -> None:
    config = settings(ensemble=ensemble)
    whole = flown(tmp_path / "whole", calculator, config, n_slots=3)
    flown(tmp_path / "parts", calculator, config, n_slots=3, most_reports=most_reports)
    parts = flown(tmp_path / "killed", calculator, config, n_slots=2)
    for key, result in whole.items():
        other = parts[key]
        assert isinstance(result, MDResult)
        assert isinstance(other, MDResult)
        assert len(other.restarts) == 1
        assert_allclose(other.atoms.positions, result.atoms.positions, atol=1e-9)
        assert_allclose(other.atoms.get_momenta(), result.atoms.get_momenta(), atol=1e-9)
        assert_same_files(tmp_path / "killed", tmp_path / "whole", key)


@ENSEMBLES
def test_results_do_not_depend_on_neighbours(tmp_path: Path, calculator: AlignnCalculator, ensemble: str) -> None:
    config = settings(ensemble=ensemble, temperature_K=600.0)
    one, other = (flown(tmp_path / str(n), calculator, config, n_slots=n) for n in (1, 3))
    for key, result in one.items():
        twin = other[key]
        assert isinstance(result, MDResult)
        assert isinstance(twin, MDResult)
        assert_allclose(twin.atoms.positions, result.atoms.positions, atol=1e-9)


def test_a_closed_flight_saves_what_it_has(tmp_path: Path, calculator: AlignnCalculator) -> None:
    flight = DynamicsFlight(calculator, settings(), n_slots=1)
    flight.add(0, bulk("Si", cubic=True), settings(), MDFiles(tmp_path / "0"))
    for _ in range(3):
        flight.advance()
    flight.close()
    assert flight.n_open == 0
    ended = flown(tmp_path, calculator, settings(), n_slots=3)
    assert isinstance(ended[0], MDResult)
    assert ended[0].restarts == (6,)
    assert [row[0] for row in rows(tmp_path / "0.csv")] == [0.0, 5.0, 10.0, 15.0, 20.0]


def test_a_guard_stops_one_structure_with_its_report(tmp_path: Path, calculator: AlignnCalculator) -> None:
    guards = NO_GUARDS.model_copy(update={"max_temperature_K": 1500.0})
    config = settings(guards=guards)
    flight = DynamicsFlight(calculator, config, n_slots=2)
    hot = bulk("Si", cubic=True)
    hot.set_momenta(np.array([[(-1.0) ** k] * 3 for k in range(8)]) * 60.0)
    flight.add(0, hot, config.model_copy(update={"keep_velocities": True}), MDFiles(tmp_path / "0"))
    flight.add(1, bulk("Si", cubic=True), config, MDFiles(tmp_path / "1"))
    ended = {}
    while flight.n_open:
        ended |= {landed.key: landed.result for landed in flight.advance()}
    assert isinstance(ended[0], SimulationError)
    assert "temperature" in str(ended[0])
    assert json.loads((tmp_path / "0-stopped.json").read_text())["step"] == 0
    assert isinstance(ended[1], MDResult)


def test_structures_that_do_not_fit_together_wait(
    tmp_path: Path, calculator: AlignnCalculator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    whole = flights.ResidentMany

    def small(potential, systems, motion):
        made.append(len(systems))
        if len(systems) > 1:
            raise flights.MemoryLimitError("too large")
        return whole(potential, systems, motion)

    monkeypatch.setattr(flights, "ResidentMany", small)
    found = flown(tmp_path, calculator, settings(), n_slots=3)
    assert all(isinstance(result, MDResult) for result in found.values())
    assert made[:2] == [3, 1]


def test_other_ensembles_are_refused(calculator: AlignnCalculator) -> None:
    with pytest.raises(ConfigError, match="nve or nvt_langevin"):
        DynamicsFlight(calculator, settings(ensemble="nvt_bussi"), n_slots=2)


def test_random_numbers_are_normal_and_follow_from_key_and_step() -> None:
    keys = keys_of_atoms([0, 1, 2], [4000, 3000, 3000])
    assert len(keys.unique()) == 10_000
    drawn = normals(keys, keys * 0 + 7)
    for moment, expected in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        assert float(drawn.pow(moment).mean()) == pytest.approx(expected, abs=0.1)
    after = normals(keys, keys * 0 + 8)
    for one in (drawn, after):
        for k in range(3):
            other = after[:, (k + 1) % 3]
            assert abs(float((one[:, k] * other).mean())) < 0.05
    assert normals(keys[4000:4001], keys[:1] * 0 + 7).equal(drawn[4000:4001])
