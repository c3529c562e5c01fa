"""The ensembles sample the right distributions: `physical-validation`, and the volume against the equation of state.

Slow; `pytest -m slow tests/md/test_sampling.py`. `benchmarks/sampling.py` prints the same as the table in
docs/dynamics.md.
"""

import numpy as np
import pytest

from tests.support.pair_crystal import MorseNeighbours, neighbour_crystal
from tests.support.sampling import (
    Samples,
    equation_of_state_volume,
    kinetic_deviations,
    pair_deviation,
    sample,
    standard_error,
)

pytest.importorskip("physical_validation")
pytestmark = pytest.mark.slow

SIGMAS = 4.0
"""Deviations of more standard errors than this are not random."""

RUN = {"steps": 12_000, "timestep_fs": 2.0, "thermostat_time_fs": 50.0}
COLD_K, WARM_K, PRESSURE_GPA = 800.0, 840.0, 1.5
"""Hot enough for the modes of the crystal, and the cell above all, to exchange energy within the run; at 200 K the cell
oscillates for tens of picoseconds with the amplitude that it started with."""

LONG = {"steps": 50_000, "timestep_fs": 4.0}
"""Where the volume is the only variable of the cell, nothing but the crystal exchanges energy with it: slowly. Ten
oscillations of 100 fs say little about its width, which the analysis does not see."""

NPT = [("npt_mtk", "isotropic"), ("npt_mtk", "full"), ("npt_langevin", "isotropic"), ("npt_langevin", "full")]


def crystal_run(ensemble: str, temperature_K: float, *, seed: int, **more: object) -> Samples:
    crystal = neighbour_crystal()
    settings = {**RUN, "ensemble": ensemble, "temperature_K": temperature_K, "seed": seed, **more}
    return sample(crystal, MorseNeighbours(crystal), settings)


@pytest.mark.parametrize("ensemble", ["nvt_langevin", "nvt_bussi", "nvt_nose_hoover", "nvt_andersen"])
def test_constant_temperature_is_the_canonical_ensemble(ensemble: str) -> None:
    cold, warm = (crystal_run(ensemble, temperature, seed=seed) for seed, temperature in enumerate((COLD_K, WARM_K)))
    for samples in (cold, warm):
        assert np.abs(kinetic_deviations(samples)).max() < SIGMAS
    assert pair_deviation(cold, warm) < SIGMAS


@pytest.mark.parametrize("ensemble, motion", NPT)
def test_constant_pressure_is_the_isobaric_ensemble(ensemble: str, motion: str) -> None:
    settings = {"cell_motion": motion, **(LONG if (ensemble, motion) == NPT[0] else {})}
    states = [(COLD_K, 0.0), (WARM_K, 0.0), (COLD_K, PRESSURE_GPA)]
    base, warm, pressed = (
        crystal_run(ensemble, temperature, seed=seed, pressure_GPa=pressure, **settings)
        for seed, (temperature, pressure) in enumerate(states)
    )
    for samples in (base, warm, pressed):
        assert np.abs(kinetic_deviations(samples)).max() < SIGMAS
        assert samples.pressure_GPa.mean() == pytest.approx(
            samples.target_pressure_GPa, abs=SIGMAS * standard_error(samples.pressure_GPa)
        )
    assert pair_deviation(base, warm) < SIGMAS
    assert pair_deviation(base, pressed) < SIGMAS


@pytest.mark.parametrize("ensemble", ["nvt_berendsen"])
def test_weak_coupling_is_no_ensemble(ensemble: str) -> None:
    """The test detects a wrong ensemble: the kinetic energy of Berendsen's is far too narrow."""
    _, width = kinetic_deviations(crystal_run(ensemble, COLD_K, seed=0))
    assert abs(width) > 2 * SIGMAS


def test_the_volume_at_constant_pressure_is_that_of_the_equation_of_state() -> None:
    crystal = neighbour_crystal()
    calculator = MorseNeighbours(crystal)
    held = {**RUN, "steps": 4_000, "ensemble": "nvt_langevin", "temperature_K": COLD_K}
    expected, error = equation_of_state_volume(crystal, calculator, held, pressure_GPa=PRESSURE_GPA)
    for ensemble, motion in NPT:
        samples = crystal_run(ensemble, COLD_K, seed=3, pressure_GPa=PRESSURE_GPA, cell_motion=motion)
        tolerance = SIGMAS * float(np.hypot(error, standard_error(samples.volume_A3)))
        assert tolerance < 0.003 * expected
        assert samples.volume_A3.mean() == pytest.approx(expected, abs=tolerance)
