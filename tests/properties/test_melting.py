"""Melting by coexistence: the order of slabs, exact restarts, and the melting of Lennard-Jones argon."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError, SimulationError, StructureError
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import Work
from alignn_ff.properties import compute as compute_property
from alignn_ff.properties.coexistence import MeltingConfig, MeltingResult
from alignn_ff.properties.coexistence.melting import beside
from alignn_ff.properties.coexistence.order import disorder, order_of_slabs, strongest_waves
from alignn_ff.properties.coexistence.phases import N_BLOCKS, Lost, OnePhase, frames_of_block, lost_phase, slabs_of
from alignn_ff.properties.coexistence.remarks import doubts
from alignn_ff.properties.coexistence.stages import cell_of, plan
from alignn_ff.properties.dynamics import StoppedError
from alignn_ff.properties.files import restart_file, write_result
from alignn_ff.properties.forecast import forecast
from alignn_ff.properties.run import PropertyRun, compute, stopped_run
from alignn_ff.properties.table import PROPERTIES
from alignn_ff.trajectory import Snapshot
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
HOPELESS: dict[str, Any] = {
    **SHORT,
    "temperature_K": 130.0,
    "hot_ratio": 7.0,
    "timestep_fs": 8.0,
    "coexistence_ps": 40.0,
}
"""A guess so far above the melting temperature that the crystal melts at once."""


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
    assert [remark.code for remark in told] == ["one_phase", "small"]
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


def part_of_crystal(*parts: float, n_slabs: int = 20) -> NDArray[np.float64]:
    """(2 frames per part, n_slabs) order: 0.8 in that part of the slabs, 0.1 in the others, with noise."""
    crystal = np.arange(n_slabs) < np.repeat(parts, 2)[:, None] * n_slabs
    noise = np.random.default_rng(0).normal(0.0, 0.05, crystal.shape)
    return np.where(crystal, 0.8, 0.1) + noise


GONE_5, BOTH = (0.0,) * N_BLOCKS, (0.5,) * 4


@pytest.mark.parametrize(
    "parts, expected",
    [
        (BOTH, None),
        ((*BOTH, *GONE_5), Lost("crystal", 8)),
        ((*BOTH, *(1.0 - part for part in GONE_5)), Lost("liquid", 8)),
        ((*BOTH, *GONE_5, 0.0, 0.0), Lost("crystal", 8)),
        ((*BOTH, *GONE_5[1:]), None),  # not long enough
        ((*GONE_5, *BOTH), None),  # it came back
        ((*BOTH, 0.0, 0.0, 0.1, 0.0, 0.0), None),  # some was there in between
        ((*BOTH, *(0.1 for _ in GONE_5)), None),  # two slabs stay
        (GONE_5, Lost("crystal", 0)),
    ],
)
def test_a_phase_is_gone_after_consecutive_blocks_without_it(parts: tuple[float, ...], expected: Lost | None) -> None:
    assert lost_phase(part_of_crystal(*parts), 0.45, 2) == expected


def test_one_frame_without_a_phase_does_not_decide() -> None:
    order = part_of_crystal(*(0.5,) * 10)
    order[-1] = 0.1
    assert lost_phase(order, 0.45, 2) is None
    without = part_of_crystal(*(0.0,) * 10)
    without[-1] = 0.4  # a fluctuation below the threshold in the mean of its block
    assert lost_phase(without, 0.45, 2) == Lost("crystal", 0)
    assert lost_phase(without[:9], 0.45, 2) is None  # too few frames


def test_blocks_are_of_a_picosecond_and_at_least_two_frames() -> None:
    assert [frames_of_block(gap) for gap in (0.05, 0.25, 0.3, 0.5, 1.0, 5.0)] == [20, 4, 4, 2, 2, 2]


def test_a_liquid_that_is_gone_ends_the_run_and_is_not_forgotten_by_a_restart() -> None:
    cell = cell_of(argon(), MeltingConfig(**SHORT))
    crystal = cell.crystal.repeat(cell.repeats)
    slabs = slabs_of(strongest_waves(cell.crystal, cell.repeats), cell.repeats[2], len(crystal), 0.7)
    ending = OnePhase(slabs, every=10, n_frames=2)
    for step in range(100):
        assert not ending.reached
        shaken = crystal.copy()
        shaken.rattle(0.2, seed=step)
        nothing = np.zeros((len(crystal), 3))
        ending.see(Snapshot(step, 2.0 * step, shaken, nothing, 0.0, 0.0, 0.0, 0.0))
        again = OnePhase(slabs, every=10, n_frames=2)
        again.restore(ending.state)
        assert again.state == ending.state
        assert again.reached == ending.reached
        if step == 90:
            break
    assert ending.reached


@pytest.fixture(scope="module")
def melted(tmp_path_factory: pytest.TempPathFactory) -> tuple[MeltingResult, Path]:
    """A run whose crystal melts, and the folder of its files."""
    folder = tmp_path_factory.mktemp("melted")
    result = compute(hopeless(folder), Argon())
    assert isinstance(result, MeltingResult)
    return result, folder


def hopeless(folder: Path) -> PropertyRun:
    return PropertyRun("melting", (argon(),), MeltingConfig(**HOPELESS), folder / "ar-melting", {"model": "argon"})


def test_a_run_ends_when_the_crystal_is_gone_and_tells_a_bound(
    melted: tuple[MeltingResult, Path], tmp_path: Path
) -> None:
    result, _ = melted
    found = result.equilibrium
    assert not found.survived
    assert result.temperature_K is None
    assert found.gone is not None
    assert found.gone.phase == "crystal"
    assert found.log_times_ps[-1] == pytest.approx(found.gone.time_ps + N_BLOCKS, rel=0.1)
    assert found.log_times_ps[-1] < 0.3 * HOPELESS["coexistence_ps"]
    assert found.times_ps[-1] == pytest.approx(result.summary["time_ps"], abs=0.1)
    assert result.summary["crystal_at_end_percent"] == 0.0
    assert 75.0 < found.gone.temperature_K < HOPELESS["temperature_K"]
    assert np.isnan(found.crystal[0])
    assert "temperature_of_crystal_K" not in result.checks
    assert result.checks["one_phase_since_ps"] == found.gone.time_ps
    assert found.liquid[0] == pytest.approx(found.gone.temperature_K, rel=0.1)
    (told,) = [remark.sentence for remark in result.remarks if remark.code == "one_phase"]
    assert f"gone after {found.gone.time_ps:.1f} ps" in told
    assert f"is below about {found.gone.temperature_K:.0f} K" in told
    assert f"lower --temperature than {found.gone.temperature_K:.0f} K" in told
    files = write_result(tmp_path / "ar", result) + save_property_figures(result, tmp_path / "ar")
    assert all(path.stat().st_size > 0 for path in files)


def assert_same(found: MeltingResult, expected: MeltingResult) -> None:
    np.testing.assert_array_equal(found.atoms.positions, expected.atoms.positions)
    np.testing.assert_array_equal(found.equilibrium.log_temperatures, expected.equilibrium.log_temperatures)
    np.testing.assert_array_equal(found.equilibrium.order, expected.equilibrium.order)
    assert found.summary == expected.summary
    assert found.checks == expected.checks
    assert found.remarks == expected.remarks


class Interrupted(Argon):
    """Argon whose evaluation of some number sends a signal to the process; it may also die."""

    def __init__(self, signal_at: int = -1, lives: int = 10**9) -> None:
        super().__init__(lives, Killed())
        self.signal_at = signal_at

    def pair_sums(self, atoms: Atoms) -> dict[str, Any]:
        """The sums, after the signal."""
        self.signal_at -= 1
        if self.signal_at == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().pair_sums(atoms)


def test_a_run_that_is_interrupted_while_a_phase_is_gone_ends_with_the_same_bits(
    melted: tuple[MeltingResult, Path], tmp_path: Path
) -> None:
    expected, _ = melted
    before = sum(part.steps + 1 for part in plan(argon(), expected.config, Work(Argon()))[:-1])
    with pytest.raises(StoppedError):
        compute(hopeless(tmp_path), Interrupted(signal_at=before + 500))
    journal = restart_file(tmp_path / "ar-melting")
    with pytest.raises(Killed):
        compute(stopped_run(journal), Interrupted(lives=60), resume=True)
    found = compute(stopped_run(journal), Interrupted(), resume=True)
    assert isinstance(found, MeltingResult)
    assert_same(found, expected)


def test_a_run_that_ended_early_is_not_resumed(melted: tuple[MeltingResult, Path], tmp_path: Path) -> None:
    expected, folder = melted
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    journal = restart_file(tmp_path / "ar-melting")
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    assert '"coexistence", {"cell"' in lines[-1]
    journal.write_text("".join(lines[:-1]), encoding="utf-8")  # killed after the run, before it was noted as done
    found = compute(stopped_run(journal), Argon(1, Killed()), resume=True)  # one evaluation: no step
    assert isinstance(found, MeltingResult)
    assert_same(found, expected)


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
