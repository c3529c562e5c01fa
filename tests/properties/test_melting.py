"""Melting by coexistence: the order of slabs, exact restarts, and the melting of Lennard-Jones argon."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff.errors import ConfigError, SimulationError, StructureError
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import Work
from alignn_ff.properties import compute as compute_property
from alignn_ff.properties.coexistence import MeltingConfig, MeltingResult
from alignn_ff.properties.coexistence.melting import beside
from alignn_ff.properties.coexistence.order import disorder, order_of_slabs, strongest_waves
from alignn_ff.properties.coexistence.remarks import doubts
from alignn_ff.properties.coexistence.stages import cell_of
from alignn_ff.properties.files import restart_file, write_result
from alignn_ff.properties.forecast import forecast
from alignn_ff.properties.run import PropertyRun, compute, stopped_run
from alignn_ff.properties.table import PROPERTIES
from tests.support.argon import EPSILON_EV, Argon

SHORT: dict[str, Any] = {
    "temperature_K": 80.0,
    "hot_ratio": 12.0,
    "min_width_A": 15.9,
    "length_ratio": 1.3,
    "timestep_fs": 5.0,
    "crystal_ps": 0.1,
    "hot_ps": 0.5,
    "joining_ps": 0.1,
    "coexistence_ps": 0.3,
    "relax": False,
}
STEPS = (20, 200, 20, 60)


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


def argon() -> Atoms:
    return bulk("Ar", a=5.40, cubic=True)


@pytest.mark.parametrize(
    "crystal", [bulk("Ar", cubic=True), bulk("Si", cubic=True), bulk("NaCl", "rocksalt", a=5.6, cubic=True)]
)
def test_a_crystal_has_order_one_and_a_liquid_almost_none(crystal: Atoms) -> None:
    repeats = (3, 3, 6)
    waves = strongest_waves(crystal, repeats)
    perfect = crystal.repeat(repeats)
    np.testing.assert_allclose(order_of_slabs(perfect, waves, 6), 1.0, atol=1e-9)
    drifted = perfect.copy()
    drifted.translate((0.7, -1.3, 0.2))
    drifted.set_cell(drifted.cell * 1.02, scale_atoms=True)
    np.testing.assert_allclose(order_of_slabs(drifted, waves, 6), 1.0, atol=1e-9)
    gas = perfect.copy()
    gas.set_scaled_positions(np.random.default_rng(0).random((len(gas), 3)))
    found = order_of_slabs(gas, waves, 6)
    assert found.max() < 0.35
    assert found.mean() == pytest.approx(disorder(len(gas) / 6), rel=0.4)
    half = perfect.copy()
    half.positions[half.get_scaled_positions()[:, 2] >= 0.5] = gas.positions[half.get_scaled_positions()[:, 2] >= 0.5]
    half.positions[:, 2] = perfect.positions[:, 2]
    found = order_of_slabs(half, waves, 6)
    assert (found[:3] > 0.99).all()
    assert (found[3:] < 0.35).all()


def test_the_cell_is_a_bar_with_an_even_number_of_slabs() -> None:
    for crystal in (argon(), bulk("Mg")):
        cell = cell_of(crystal, MeltingConfig(temperature_K=80.0))
        bar = cell.crystal.repeat(cell.repeats)
        a, b, c = bar.cell.lengths()
        assert min(a, b) >= 20.0 - 1e-6
        assert c >= 3.0 * max(a, b) - 1e-6
        assert cell.repeats[2] % 2 == 0
        np.testing.assert_allclose(bar.cell.angles(), 90.0)


def test_what_cannot_melt_in_this_way_is_refused() -> None:
    oblique = Atoms("Ar", cell=[[3.5, 0, 0], [0.7, 3.9, 0], [0.3, 1.1, 4.3]], pbc=True)
    with pytest.raises(StructureError, match="rectangular or hexagonal"):
        cell_of(oblique, MeltingConfig(temperature_K=80.0))
    with pytest.raises(ConfigError, match="more than --max-atoms"):
        cell_of(argon(), MeltingConfig(temperature_K=80.0, min_width_A=60.0))


def run(folder: Path) -> PropertyRun:
    return PropertyRun("melting", (argon(),), MeltingConfig(**SHORT), folder / "ar-melting", {"model": "argon"})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> MeltingResult:
    result = compute(run(tmp_path_factory.mktemp("whole")), Argon())
    assert isinstance(result, MeltingResult)
    return result


def test_a_killed_run_finishes_with_the_same_bits_and_makes_files(tmp_path: Path, finished: MeltingResult) -> None:
    with pytest.raises(Killed):
        compute(run(tmp_path), Argon(sum(STEPS) - 20, Killed()))
    found = compute(stopped_run(restart_file(tmp_path / "ar-melting")), Argon(), resume=True)
    assert isinstance(found, MeltingResult)
    np.testing.assert_array_equal(found.atoms.positions, finished.atoms.positions)
    np.testing.assert_array_equal(found.equilibrium.log_temperatures, finished.equilibrium.log_temperatures)
    np.testing.assert_array_equal(found.equilibrium.order, finished.equilibrium.order)
    files = write_result(tmp_path / "ar", finished) + save_property_figures(finished, tmp_path / "ar")
    assert all(path.stat().st_size > 0 for path in files)


def test_a_half_that_does_not_melt_is_told() -> None:
    cold = argon()
    cold.calc = Argon()
    with pytest.raises(SimulationError, match=r"is still a crystal .*--hot-ratio"):
        compute_property("melting", cold, config={**SHORT, "temperature_K": 30.0, "hot_ratio": 1.1})


def test_a_lost_phase_is_told_and_gives_no_temperature(finished: MeltingResult) -> None:
    found = finished.equilibrium
    gone = finished.equilibrium._replace(survived=False, fractions=np.ones_like(found.fractions))
    lost = replace(finished, equilibrium=gone)
    assert lost.temperature_K is None
    assert lost.summary["both_phases"] == "NO"
    told = doubts(lost)
    assert [remark.code for remark in told] == ["one_phase"]
    assert "the liquid is gone" in told[0].sentence
    assert "higher --temperature" in told[0].sentence


def test_crystal_and_liquid_are_joined_without_collisions(finished: MeltingResult) -> None:
    cell = cell_of(argon(), finished.config)
    crystal = cell.crystal.repeat(cell.repeats)
    a, b, c = cell.repeats
    liquid = cell.crystal.repeat((a, b, c // 2))
    liquid.rattle(1.5, seed=1)
    joined = beside(cell, crystal, liquid)
    assert len(joined) == len(crystal)
    lower = joined.get_scaled_positions()[: len(joined) // 2, 2]
    assert lower.max() < 0.5
    apart = joined.get_all_distances(mic=True)[: len(lower), len(lower) :]
    assert apart.min() > 0.8 * 5.40 / np.sqrt(2.0)


def test_the_forecast_counts_all_steps() -> None:
    found = forecast(PROPERTIES["melting"], [argon()], MeltingConfig(**SHORT), Work(Argon()))
    assert found is not None
    steps = {part.what: part.steps for part in found.parts[1:]}
    assert tuple(steps.values()) == STEPS


@pytest.mark.slow
def test_argon_melts_where_lennard_jones_does_and_both_phases_have_one_temperature(tmp_path: Path) -> None:
    config = MeltingConfig(
        temperature_K=70.0,
        min_width_A=15.9,
        length_ratio=2.6,
        timestep_fs=8.0,
        crystal_ps=8.0,
        hot_ps=8.0,
        joining_ps=3.0,
        coexistence_ps=60.0,
        hot_ratio=5.0,
        relax=False,
    )
    result = compute(PropertyRun("melting", (argon(),), config, tmp_path / "ar", {}), Argon())
    assert isinstance(result, MeltingResult)
    found = result.equilibrium
    assert result.temperature_K is not None
    reduced = result.temperature_K * 8.617333e-5 / EPSILON_EV
    assert 0.56 < reduced < 0.62  # cut at 2.3 σ and shifted
    error = np.hypot(found.crystal[1], found.liquid[1])
    assert abs(found.crystal[0] - found.liquid[0]) < 4 * error
    assert abs(found.drift_meV_per_atom_per_ps) < 1e-3
    assert abs(found.pressure_GPa) < 0.005
