"""Melting by coexistence: the order of slabs, exact restarts, and the melting of Lennard-Jones argon."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import Work
from alignn_ff.properties import compute as compute_property
from alignn_ff.properties.files import restart_file, write_result
from alignn_ff.properties.forecast import forecast
from alignn_ff.properties.melting import MeltingConfig, MeltingResult
from alignn_ff.properties.melting.order import disorder, order_of_slabs, strongest_waves
from alignn_ff.properties.melting.stages import cell_of
from alignn_ff.properties.run import PropertyRun, compute, stopped_run
from alignn_ff.properties.table import PROPERTIES
from tests.support.argon import EPSILON_EV, Argon

SHORT: dict[str, Any] = {
    "temperature_K": 80.0,
    "min_width_A": 15.9,
    "length_ratio": 1.3,
    "timestep_fs": 5.0,
    "crystal_ps": 0.1,
    "hot_ps": 0.2,
    "joining_ps": 0.1,
    "coexistence_ps": 0.3,
    "relax": False,
}


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


def test_a_killed_run_finishes_with_the_same_bits_and_makes_files(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    counting = Argon()
    expected = compute(run(tmp_path / "whole"), counting)
    assert isinstance(expected, MeltingResult)
    total = 10**9 - counting.lives
    with pytest.raises(Killed):
        compute(run(tmp_path / "killed"), Argon(2 * total // 3, Killed()))
    found = compute(stopped_run(restart_file(tmp_path / "killed" / "ar-melting")), Argon(), resume=True)
    assert isinstance(found, MeltingResult)
    np.testing.assert_array_equal(found.atoms.positions, expected.atoms.positions)
    np.testing.assert_array_equal(found.equilibrium.log_temperatures, expected.equilibrium.log_temperatures)
    np.testing.assert_array_equal(found.equilibrium.order, expected.equilibrium.order)
    files = write_result(tmp_path / "ar", expected) + save_property_figures("melting", expected, tmp_path / "ar")
    assert all(path.stat().st_size > 0 for path in files)


def test_a_lost_phase_is_told_and_gives_no_temperature() -> None:
    cold = argon()
    cold.calc = Argon()
    result = compute_property("melting", cold, config={**SHORT, "temperature_K": 30.0, "hot_ratio": 1.1})
    assert isinstance(result, MeltingResult)
    assert result.temperature_K is None
    assert result.summary["both_phases"] == "NO"
    assert result.remarks[0].code == "one_phase"
    assert "the liquid is gone" in result.remarks[0].sentence


def test_the_forecast_counts_all_steps() -> None:
    found = forecast(PROPERTIES["melting"], [argon()], MeltingConfig(**SHORT), Work(Argon()))
    assert found is not None
    steps = {part.what: part.steps for part in found.parts[1:]}
    assert list(steps.values()) == [20, 60, 20, 60]


@pytest.mark.slow
def test_argon_melts_where_lennard_jones_does_and_both_phases_have_one_temperature(tmp_path: Path) -> None:
    config = MeltingConfig(
        temperature_K=80.0,
        min_width_A=15.9,
        length_ratio=2.6,
        timestep_fs=8.0,
        crystal_ps=8.0,
        hot_ps=8.0,
        joining_ps=8.0,
        coexistence_ps=160.0,
        relax=False,
    )
    result = compute(PropertyRun("melting", (argon(),), config, tmp_path / "ar", {}), Argon())
    assert isinstance(result, MeltingResult)
    found = result.equilibrium
    assert result.temperature_K is not None
    reduced = result.temperature_K * 8.617333e-5 / EPSILON_EV
    assert 0.55 < reduced < 0.72
    error = np.hypot(found.crystal[1], found.liquid[1])
    assert abs(found.crystal[0] - found.liquid[0]) < 4 * error
    assert abs(found.drift_meV_per_atom_per_ps) < 1e-3
    assert abs(found.pressure_GPa) < 0.005
