"""Laws of means with errors, and of thermodynamic series."""

import re

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.analysis.observables.blocking import average
from alignn_ff.analysis.observables.thermodynamics import mean_rows
from tests.support.trajectories import Measure


def correlated(rng: np.random.Generator, n: int, time: float) -> np.ndarray:
    """Gauss–Markov noise of unit variance with a correlation time in samples."""
    memory = np.exp(-1 / time)
    series = np.empty(n)
    series[0] = rng.normal()
    for step in range(1, n):
        series[step] = memory * series[step - 1] + np.sqrt(1 - memory**2) * rng.normal()
    return series


def test_errors_of_correlated_noise_are_those_of_its_independent_samples() -> None:
    rng, time, n = np.random.default_rng(4), 10.0, 8192
    exact = np.sqrt((1 + np.exp(-1 / time)) / (1 - np.exp(-1 / time)) / n)
    found = [average(correlated(rng, n, time)) for _ in range(12)]
    assert all(one.reliable for one in found)
    assert np.mean([one.stderr for one in found]) == pytest.approx(exact, rel=0.15)
    assert np.std([one.mean for one in found]) == pytest.approx(exact, rel=0.5)


def test_independent_noise_needs_no_blocks_and_a_short_series_is_unreliable() -> None:
    noise = np.random.default_rng(0).normal(size=4096)
    assert average(noise).stderr == pytest.approx(1 / 64, rel=0.1)
    assert not average(correlated(np.random.default_rng(1), 40, 20.0)).reliable
    assert average(np.array([1.0, 2.0])).stderr is None
    assert average(np.ones(50)).stderr == 0.0


def test_a_ramp_is_told_from_fluctuations() -> None:
    """Correlated noise is not taken for a trend; heating is, with what it amounts to."""
    rng = np.random.default_rng(3)
    flat = [
        average(300.0 + 20.0 * correlated(rng, n, time)).change for n in (64, 400, 4000) for time in (1.0, 5.0, 30.0)
    ]
    assert sum(change is not None for change in flat) <= 1
    ramp = np.linspace(300.0, 900.0, 400) + 30.0 * rng.normal(size=400)
    assert average(ramp).change == pytest.approx(600.0, rel=0.05)
    assert average(-5.0 + 1e-6 * np.arange(400)).change is None, "a drift far below what matters"


def test_the_table_says_that_a_ramp_is_no_equilibrium() -> None:
    rng = np.random.default_rng(3)
    series = {"temperature_K": np.linspace(300.0, 900.0, 400) + 30.0 * rng.normal(size=400)}
    ((_, shown),) = mean_rows({name: average(values).to_json() for name, values in series.items()})
    assert re.search(r"no equilibrium: changes by \+6\d\d K over the run|changes by \+5\d\d K over the run", shown)


def test_thermodynamic_series_hold_what_the_frames_hold(measure: Measure) -> None:
    frames = []
    for number in range(16):
        atoms = bulk("Cu", cubic=True) * 2
        atoms.set_momenta(np.random.default_rng(number).normal(size=(32, 3)))
        stress = np.array([-0.01, -0.01, -0.01, 0, 0, 0])
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0 - number, stress=stress, forces=np.zeros((32, 3)))
        frames.append(atoms)
    result = measure(frames, observables=["thermo"]).results["thermo"]
    table = result.tables["thermo"]
    np.testing.assert_allclose(table["potential_eV"], -1.0 - np.arange(16))
    np.testing.assert_allclose(table["kinetic_eV"], [atoms.get_kinetic_energy() for atoms in frames])
    np.testing.assert_allclose(table["temperature_K"], [atoms.get_temperature() for atoms in frames])
    ideal = 2 / 3 * table["kinetic_eV"] / frames[0].get_volume()
    np.testing.assert_allclose(table["pressure_GPa"], (0.01 + ideal) * 160.21766208)
    assert table["density_g_per_cm3"][0] == pytest.approx(63.546 * 1.66053906660 / (3.61**3 / 4))
    assert table["time_fs"][3] == 3.0
