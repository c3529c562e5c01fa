"""Laws of molecular dynamics: what it conserves, samples, writes, and refuses."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms, FixBondLength
from ase.md.andersen import Andersen
from ase.neighborlist import neighbor_list

from alignn_ff.errors import ConfigError, SimulationError, StructureError
from alignn_ff.kinetics import freedom, temperature
from alignn_ff.md import ENSEMBLES, MDConfig, MDFiles, MDResult, Snapshot, md_files, nanoseconds_per_day, run_md
from alignn_ff.md.run.drift import BlockMeans
from alignn_ff.md.run.start import draw_velocities
from alignn_ff.trajectory import read_trajectory
from tests.support.pair_crystal import Morse, morse_crystal

FIXED_CELL = sorted(name for name, ensemble in ENSEMBLES.items() if not ensemble.motions)


def crystal() -> Atoms:
    return bulk("Cu", cubic=True) * (2, 2, 2)


class Springs(Calculator):
    """The crystal with springs between neighbours: exactly harmonic and fast; it counts its evaluations."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, *, breaks_after: int | None = None) -> None:
        super().__init__()
        self.n_evaluations, self.breaks_after = 0, breaks_after
        self.rest = crystal().positions
        first, second = neighbor_list("ij", crystal(), 2.8)
        self.stiffness = np.zeros((len(self.rest), len(self.rest)))
        np.add.at(self.stiffness, (first, second), -1.5)
        np.fill_diagonal(self.stiffness, -self.stiffness.sum(axis=1))

    def calculate(self, *arguments: object, **settings: object) -> None:
        super().calculate(*arguments, **settings)
        self.n_evaluations += 1
        displacements = self.atoms.positions - self.rest
        forces = -self.stiffness @ displacements
        energy = -0.5 * float((forces * displacements).sum())
        if self.breaks_after is not None and self.n_evaluations > self.breaks_after:
            forces[3, 1] = np.nan
        self.results = {"energy": energy, "forces": forces}


@pytest.fixture
def copper() -> Atoms:
    return crystal()


def record(atoms: Atoms, calculator: Calculator | None = None, **settings: object) -> tuple[MDResult, list[Snapshot]]:
    snapshots: list[Snapshot] = []

    def keep(snapshot: Snapshot) -> None:
        snapshots.append(snapshot._replace(atoms=snapshot.atoms.copy()))

    return run_md(atoms, calculator or Springs(), config=MDConfig.model_validate(settings), on_step=keep), snapshots


@pytest.mark.parametrize("ensemble", FIXED_CELL)
def test_n_steps_are_n_steps_and_cost_n_plus_one_evaluations(ensemble: str, copper: Atoms) -> None:
    calculator = Springs()
    steps: list[int] = []
    config = MDConfig(steps=7, ensemble=ensemble, timestep_fs=2.0)
    result = run_md(copper, calculator, config=config, on_step=lambda snapshot: steps.append(snapshot.step))
    assert steps == list(range(8))
    assert calculator.n_evaluations == 8
    assert result.simulated_time_fs == 14.0


@pytest.mark.parametrize("ensemble", FIXED_CELL)
def test_the_start_is_not_changed(ensemble: str, copper: Atoms) -> None:
    before = copper.copy()
    run_md(copper, Springs(), config=MDConfig(steps=3, ensemble=ensemble))
    assert copper == before
    assert not copper.has("momenta")


@pytest.mark.parametrize("ensemble", FIXED_CELL)
def test_one_seed_gives_one_trajectory(ensemble: str, copper: Atoms) -> None:
    first, again, other = (record(copper, steps=5, ensemble=ensemble, seed=seed)[0].atoms for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert np.abs(first.positions - other.positions).max() > 1e-3


def test_nve_energy_error_is_of_second_order_in_the_time_step(copper: Atoms) -> None:
    def error(timestep_fs: float) -> float:
        _, snapshots = record(copper, steps=int(400 / timestep_fs), timestep_fs=timestep_fs, temperature_K=600)
        return float(np.std([snapshot.conserved_eV for snapshot in snapshots[1:]]))

    assert 3.2 < error(8.0) / error(4.0) < 4.8


def test_nve_dynamics_runs_backwards(copper: Atoms) -> None:
    there, snapshots = record(copper, steps=50, timestep_fs=4.0, temperature_K=600)
    turned = there.atoms.copy()
    turned.set_momenta(-turned.get_momenta())
    back, _ = record(turned, steps=50, timestep_fs=4.0, keep_velocities=True)
    np.testing.assert_allclose(back.atoms.positions, snapshots[0].atoms.positions, rtol=0, atol=1e-9)


def test_nve_total_momentum_is_zero_and_stays_zero(copper: Atoms) -> None:
    _, snapshots = record(copper, steps=20, timestep_fs=4.0)
    for snapshot in snapshots:
        np.testing.assert_allclose(snapshot.atoms.get_momenta().sum(axis=0), 0.0, atol=1e-10)


def test_langevin_without_friction_is_nve(copper: Atoms) -> None:
    _, free = record(copper, steps=20, timestep_fs=4.0)
    _, damped = record(copper, steps=20, timestep_fs=4.0, ensemble="nvt_langevin", thermostat_time_fs=1e14)
    np.testing.assert_allclose(damped[-1].atoms.positions, free[-1].atoms.positions, rtol=0, atol=1e-5)


@pytest.mark.parametrize("ensemble", ["nvt_langevin", "nvt_andersen"])
def test_the_energy_less_the_heat_is_conserved(copper: Atoms, ensemble: str) -> None:
    _, snapshots = record(copper, steps=200, timestep_fs=2.0, ensemble=ensemble, temperature_K=600)
    exchanged = np.ptp([snapshot.total_eV for snapshot in snapshots])
    error = np.ptp([snapshot.conserved_eV for snapshot in snapshots])
    assert exchanged > 0.5
    assert error < 0.02 * exchanged


@pytest.mark.parametrize("ensemble", ["nvt_langevin", "nvt_andersen"])
def test_momenta_and_positions_of_a_harmonic_crystal_are_canonical(copper: Atoms, ensemble: str) -> None:
    temperature, timestep_fs = 100.0, 20.0
    _, snapshots = record(
        copper,
        steps=4000,
        timestep_fs=timestep_fs,
        ensemble=ensemble,
        temperature_K=temperature,
        thermostat_time_fs=200.0,
        guards={"max_drift_meV_per_atom_per_ps": None},
    )
    settled = snapshots[200:]
    # the momenta of BAOAB are cold by (ω Δt)²/4, at exact positions; collisions have exact momenta, and hot positions
    # the first mode is the motion as a whole
    squared = np.linalg.eigvalsh(Springs().stiffness) / copper.get_masses()[0]
    cold = 1.0 - squared * (timestep_fs * units.fs) ** 2 / 4.0
    momenta, positions = {"nvt_langevin": (cold.mean(), 1.0), "nvt_andersen": (1.0, (1.0 / cold[1:]).mean())}[ensemble]
    assert np.mean([s.temperature_K for s in settled]) == pytest.approx(momenta * temperature, rel=0.03)
    equipartition = 0.5 * (3 * len(copper) - 3) * units.kB * temperature
    assert np.mean([s.potential_eV for s in settled]) == pytest.approx(positions * equipartition, rel=0.04)


def test_collisions_of_ase_make_positions_hotter_than_ours(copper: Atoms) -> None:
    """The reason for a separate integrator: that of ASE draws momenta half a kick late."""
    temperature, timestep = 100.0, 20.0 * units.fs
    copper.calc = Springs()
    copper.set_momenta(np.zeros((len(copper), 3)))
    theirs = Andersen(copper, timestep, temperature_K=temperature, andersen_prob=0.1, rng=np.random.default_rng(1))
    energies: list[float] = []
    theirs.attach(lambda: energies.append(float(copper.get_potential_energy())))
    theirs.run(4000)
    cold = 1.0 - np.linalg.eigvalsh(Springs().stiffness)[1:] / copper.get_masses()[0] * timestep**2 / 4.0
    ours = 0.5 * units.kB * temperature * (1.0 / cold).sum()
    assert np.mean(energies[200:]) > 2.0 * ours


def test_drawn_velocities_have_the_temperature_on_average() -> None:
    rng = np.random.default_rng(0)
    pair = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    temperatures = []
    for _ in range(800):
        draw_velocities(pair, 300.0, rng)
        temperatures.append(temperature(pair, freedom(pair, conserves_momentum=True, conserves_rotation=True)))
        np.testing.assert_allclose(pair.get_momenta().sum(axis=0), 0.0, atol=1e-12)
    assert np.mean(temperatures) == pytest.approx(300.0, rel=0.03)
    assert np.std(temperatures) == pytest.approx(300.0 * np.sqrt(2 / 21), rel=0.1)


def test_a_moving_centre_of_mass_is_not_hot(copper: Atoms) -> None:
    copper.set_velocities(np.full((len(copper), 3), 0.02))
    still, all_of_it = (freedom(copper, conserves_momentum=flag, conserves_rotation=flag) for flag in (True, False))
    assert temperature(copper, still) == pytest.approx(0.0, abs=1e-8)
    assert temperature(copper, all_of_it) > 100.0


def test_one_atom_has_no_temperature_of_its_own() -> None:
    result, _ = record(bulk("Cu"), EMT(), steps=2)
    assert result.mean_temperature_K == 0.0


@pytest.mark.parametrize("ensemble", FIXED_CELL)
def test_fixed_atoms_stay_and_do_not_count(ensemble: str, copper: Atoms) -> None:
    copper.set_constraint(FixAtoms(indices=range(16)))
    _, snapshots = record(copper, steps=20, timestep_fs=4.0, ensemble=ensemble)
    np.testing.assert_array_equal(snapshots[-1].atoms.positions[:16], copper.positions[:16])
    kinetic, n_dof = snapshots[-1].kinetic_eV, 3 * 16
    assert snapshots[-1].temperature_K == pytest.approx(2 * kinetic / (n_dof * units.kB))


def test_kept_velocities_are_kept(copper: Atoms) -> None:
    draw_velocities(copper, 500.0, np.random.default_rng(3))
    _, snapshots = record(copper, steps=0, keep_velocities=True)
    np.testing.assert_array_equal(snapshots[0].atoms.get_momenta(), copper.get_momenta())


def test_a_supercell_repeats_atoms_and_energy(copper: Atoms) -> None:
    copper.rattle(0.05, seed=1)
    _, alone = record(copper, EMT(), steps=0, temperature_K=0)
    _, repeated = record(copper, EMT(), steps=0, temperature_K=0, supercell=(1, 2, 1))
    assert len(repeated[0].atoms) == 2 * len(copper)
    assert repeated[0].potential_eV == pytest.approx(2 * alone[0].potential_eV, abs=1e-9)


def test_a_molecule_moves_too() -> None:
    water = molecule("H2O")
    _, snapshots = record(water, EMT(), steps=10, timestep_fs=0.2, temperature_K=100)
    assert np.ptp([snapshot.total_eV for snapshot in snapshots]) < 0.01


# files


@pytest.fixture
def files(tmp_path: Path) -> MDFiles:
    return md_files(Path("x.vasp"), prefix=tmp_path / "run")


def rows_of(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_files_hold_what_happened(copper: Atoms, files: MDFiles) -> None:
    config = MDConfig(steps=25, timestep_fs=2.0, write_every=10, log_every=5)
    snapshots: list[Snapshot] = []
    result = run_md(copper, Springs(), config=config, files=files, on_step=snapshots.append)
    frames, rows = read_trajectory(files.trajectory), rows_of(files.log)
    assert [frame.info["step"] for frame in frames] == [0, 10, 20]
    assert [row["step"] for row in rows] == [0, 5, 10, 15, 20, 25]
    for row in rows:
        assert row["potential_eV"] == snapshots[int(row["step"])].potential_eV
        assert row["total_eV"] == pytest.approx(row["potential_eV"] + row["kinetic_eV"], abs=1e-12)
        assert row["time_fs"] == 2.0 * row["step"]
    for frame, row in zip(frames, rows[::2], strict=True):
        assert frame.get_potential_energy() == pytest.approx(row["potential_eV"], abs=1e-9)
        assert frame.get_kinetic_energy() == pytest.approx(row["kinetic_eV"], abs=1e-6)
    (final,) = read_trajectory(files.final)
    np.testing.assert_allclose(final.positions, result.atoms.positions, atol=1e-8)
    np.testing.assert_allclose(final.get_momenta(), result.atoms.get_momenta(), atol=1e-8)
    assert final.info["step"] == 25


def test_the_summary_has_settings_model_and_versions(copper: Atoms, files: MDFiles) -> None:
    config = MDConfig(steps=40, timestep_fs=2.0, seed=5)
    run_md(copper, Springs(), config=config, files=files)
    summary = json.loads(files.summary.read_text())
    assert MDConfig.model_validate(summary["config"]) == config
    assert summary["conserved_quantity"] == "potential + kinetic energy"
    assert summary["drift_stderr_meV_per_atom_per_ps"] > 0
    assert summary["model"]["name"] == "Springs"
    assert {"alignn-ff", "torch", "ase"} <= summary["versions"].keys()
    assert summary["ns_per_day"] == pytest.approx(nanoseconds_per_day(80.0, summary["wall_time_s"]))


def test_a_run_without_steps_is_whole(copper: Atoms, files: MDFiles) -> None:
    result = run_md(copper, Springs(), config=MDConfig(steps=0), files=files)
    assert result.drift_meV_per_atom_per_ps is None
    assert json.loads(files.summary.read_text())["ns_per_day"] is None
    assert len(read_trajectory(files.trajectory)) == len(rows_of(files.log)) == 1


# guards


def test_forces_that_are_no_numbers_stop_the_run_and_keep_the_files(copper: Atoms, files: MDFiles) -> None:
    config = MDConfig(steps=20, write_every=1)
    with pytest.raises(SimulationError, match=r"step 6 .*atom\(s\) 3 \(Cu\)"):
        run_md(copper, Springs(breaks_after=6), config=config, files=files)
    assert [frame.info["step"] for frame in read_trajectory(files.trajectory)] == list(range(6))
    assert not files.summary.exists()


def test_an_exploding_run_is_stopped_and_its_fastest_atoms_named(copper: Atoms) -> None:
    with pytest.raises(SimulationError, match=r"step \d+ .*temperature.*atom\(s\) \d+ \(Cu\)"):
        record(copper, steps=500, timestep_fs=50.0, guards={"max_drift_meV_per_atom_per_ps": None})


def test_bad_input_is_refused_before_a_file_is_opened(copper: Atoms, files: MDFiles) -> None:
    copper.positions[7, 2] = np.nan
    with pytest.raises(StructureError, match=r"atom\(s\) 7"):
        run_md(copper, Springs(), config=MDConfig(steps=1), files=files)
    assert not any(path.exists() for path in files.all)


# configs


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"steps": -1}, "steps is -1.*greater than or equal to 0"),
        ({"steps": 1, "timestep_fs": 0.0}, "timestep_fs is 0.0.*greater than 0.*fs"),
        (
            {"steps": 1, "temperature_K": -3.0},
            "^temperature_K is -3.0, but[^;]* equal to 0[^;]*; several[^;]*$",
        ),
        (
            {"steps": 1, "temperature_K": "hot"},
            "^temperature_K is 'hot', but[^;]* a valid number[^;]*; several[^;]*$",
        ),
        ({"steps": 1, "temperature_K": float("nan")}, "temperature_K is nan.*finite"),
        ({"steps": 1, "ensemble": "canonical"}, "ensemble is 'canonical'.*'nve', 'nvt_langevin'"),
        ({"steps": 1, "supercell": (0, 1, 1)}, "supercell.0 is 0"),
        ({"steps": 1, "write_every": 0}, "write_every is 0"),
        ({"steps": 1, "temprature_K": 300}, "temprature_K is not a setting; allowed are .*temperature_K"),
        ({}, "steps is missing"),
    ],
)
def test_the_error_of_an_invalid_config_has_the_reason(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MDConfig.model_validate(settings)


def test_a_config_may_name_every_ensemble_of_the_table() -> None:
    assert [MDConfig(steps=0, ensemble=name).ensemble for name in ENSEMBLES] == list(ENSEMBLES)
    assert MDConfig.model_json_schema()["properties"]["ensemble"]["enum"] == list(ENSEMBLES)


def test_settings_that_an_ensemble_does_not_read_are_refused(copper: Atoms) -> None:
    with pytest.raises(ConfigError, match=r"does not read thermostat_time_fs.*nvt_langevin"):
        record(copper, steps=1, thermostat_time_fs=10.0)


def test_constraints_that_an_integrator_does_not_obey_are_refused(copper: Atoms) -> None:
    copper.set_constraint(FixBondLength(0, 1))
    with pytest.raises(ConfigError, match="FixBondLength"):
        record(copper, steps=1, ensemble="nvt_langevin")


def test_velocities_cannot_be_kept_without_velocities(copper: Atoms) -> None:
    with pytest.raises(ConfigError, match="it has none"):
        record(copper, steps=1, keep_velocities=True)


def test_a_slab_is_not_repeated_across_its_vacuum(copper: Atoms) -> None:
    copper.pbc = (True, True, False)
    with pytest.raises(StructureError, match="lattice vector 3"):
        record(copper, steps=1, supercell=(1, 1, 2))


# drift


@pytest.mark.parametrize("n_samples", [3, 31, 32, 33, 1000])
def test_a_straight_line_has_its_slope_and_no_error(n_samples: int) -> None:
    series = BlockMeans()
    for i in range(n_samples):
        series.add(0.5 * i, -1000.0 + 3e-6 * (0.5 * i))
    trend = series.trend()
    assert trend.slope == pytest.approx(3e-6, rel=1e-6)
    assert trend.slope_stderr == pytest.approx(0.0, abs=1e-12)
    assert trend.mean == pytest.approx(-1000.0 + 3e-6 * 0.25 * (n_samples - 1), abs=1e-11)


def test_the_error_of_a_slope_is_the_spread_of_slopes() -> None:
    rng = np.random.default_rng(0)
    slopes, errors = [], []
    for _ in range(150):
        series = BlockMeans()
        for i in range(300):
            series.add(float(i), float(rng.normal()))
        trend = series.trend()
        assert trend.slope is not None
        assert trend.slope_stderr is not None
        slopes.append(trend.slope)
        errors.append(trend.slope_stderr)
    assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.2)


def test_too_few_samples_have_no_slope() -> None:
    series = BlockMeans()
    series.add(0.0, 1.0)
    assert series.trend() == (1.0, None, None)


@pytest.mark.parametrize(
    "changes, warned",
    [({}, True), ({"ensemble": "nvt_bussi"}, False), ({"temperature_K": 0.0}, False), ({"supercell": (1, 1, 2)}, True)],
)
def test_who_starts_a_crystal_at_its_minimum_is_told_of_half_the_temperature(
    changes: dict[str, Any], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"steps": 1, "ensemble": "nve", "temperature_K": 300.0, **changes}
    run_md(morse_crystal(2), Morse(), config=MDConfig(**settings))
    assert ("settles near 150 K; draw at 600 K" in caplog.text) == warned
    rattled = morse_crystal(2)
    rattled.rattle(0.1, seed=1)
    caplog.clear()
    run_md(rattled, Morse(), config=MDConfig(**settings))
    assert "settles near" not in caplog.text
