"""Laws of diffusion, vibrations and the mean structure."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from tests.support.trajectories import Measure, moving, walk


def test_free_particles_move_with_the_square_of_time_through_any_boundary(measure: Measure) -> None:
    rng = np.random.default_rng(1)
    velocity = rng.normal(0, 0.2, (40, 3))
    velocity -= velocity.mean(axis=0)
    times = np.arange(200.0)
    start = rng.uniform(0, 10, (40, 3))
    result = measure(moving(start + times[:, None, None] * velocity), observables=["msd"], n_blocks=2).results["msd"]
    table = result.tables["msd"]
    np.testing.assert_allclose(table["msd_Ar_A2"], (velocity**2).sum(axis=1).mean() * table["lag_fs"] ** 2, rtol=1e-5)
    assert result.summary["Ar"]["exponent"] == pytest.approx(2, abs=1e-3)  # type: ignore[index]
    assert result.summary["Ar"]["is_diffusive"] is False  # type: ignore[index]


def test_a_random_walk_has_its_diffusion_coefficient_and_an_error_that_holds(measure: Measure) -> None:
    rng, deviations = np.random.default_rng(7), []
    exact = 0.3**2 / (2 * 1.0) * 0.1  # Å²/fs → cm²/s
    for _ in range(6):
        frames = moving(walk(rng, n_frames=300, n_atoms=20, step=0.3))
        summary = measure(frames, observables=["msd"], keep_drift=True).results["msd"].summary["Ar"]
        assert summary["is_diffusive"]  # type: ignore[index]
        assert summary["D_cm2_per_s"] == pytest.approx(exact, rel=0.3)  # type: ignore[index]
        deviations.append((summary["D_cm2_per_s"] - exact) / summary["D_stderr_cm2_per_s"])  # type: ignore[index]
    assert 0.3 < np.sqrt(np.mean(np.square(deviations))) < 2.5


def test_atoms_that_vibrate_about_their_places_do_not_diffuse(measure: Measure) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (100, 32, 3))
    summary = measure(moving(bulk("Ar", a=5.0, cubic=True).repeat(2).positions + noise), observables=["msd"])
    assert summary.results["msd"].summary["Ar"]["is_diffusive"] is False  # type: ignore[index]


def test_a_drift_of_the_whole_box_is_not_diffusion_unless_it_is_kept(measure: Measure) -> None:
    times = np.arange(60.0)[:, None, None]
    frames = moving(np.random.default_rng(0).uniform(0, 10, (5, 3)) + 0.2 * times)
    still = measure(frames, observables=["msd"]).results["msd"].tables["msd"]
    kept = measure(frames, observables=["msd"], keep_drift=True).results["msd"].tables["msd"]
    assert still["msd_Ar_A2"].max() < 1e-9
    assert kept["msd_Ar_A2"][-1] > 1.0


@pytest.mark.parametrize("with_velocities", [True, False])
def test_harmonic_oscillators_ring_at_their_frequencies(with_velocities: bool, measure: Measure) -> None:
    times, frequencies = 2.0 * np.arange(1200), np.array([5.0, 12.0]) / 1000  # 5 and 12 THz, in 1/fs
    phases = np.random.default_rng(2).uniform(0, 2 * np.pi, (6, 3))
    which = frequencies[np.arange(6) % 2][None, :, None]
    argument = 2 * np.pi * which * times[:, None, None] + phases
    positions = 5 + 0.05 * np.sin(argument) / which / 1000
    velocities = 0.05 * 2 * np.pi * np.cos(argument) / 1000
    frames = moving(positions)
    for atoms, v in zip(frames, velocities, strict=True):
        atoms.symbols[:] = ["Na", "H"] * 3
        atoms.set_masses([20.0, 1.0] * 3)
        if with_velocities:
            atoms.set_velocities(v / units.fs)
    result = measure(frames, frame_fs=2.0, observables=["vdos"], keep_drift=True, window_fs=1000).results["vdos"]
    table = result.tables["vdos"]
    width = table["frequency_THz"][1]
    assert table["frequency_THz"][table["vdos_Na_per_THz"].argmax()] == pytest.approx(5.0, abs=0.5)
    assert table["frequency_THz"][table["vdos_H_per_THz"].argmax()] == pytest.approx(12.0, abs=0.5)
    assert (table["vdos_per_THz"] * width).sum() == pytest.approx(1.0)
    assert table["vdos_Na_per_THz"].sum() / table["vdos_H_per_THz"].sum() == pytest.approx(20, rel=0.02)
    vacf = result.tables["vacf"]
    near = vacf["lag_fs"] < 300
    np.testing.assert_allclose(
        vacf["vacf_Na"][near], np.cos(2 * np.pi * 0.005 * vacf["lag_fs"][near]), atol=0.06 if with_velocities else 0.08
    )
    assert result.summary["velocities"] == ("of the file" if with_velocities else "between frames")


def test_a_spectrum_of_frames_too_far_apart_is_marked(measure: Measure) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (200, 4, 3))
    result = measure(moving(5 + 0 * noise, noise), observables=["vdos"]).results["vdos"]
    assert result.summary["frames_are_dense_enough"] is False


def test_the_mean_structure_is_the_crystal_and_its_spread_that_of_the_noise(measure: Measure) -> None:
    rng, crystal = np.random.default_rng(5), bulk("Cu", cubic=True) * 2
    frames = []
    for _ in range(400):
        atoms = crystal.copy()
        strain = 1 + 0.01 * rng.normal()
        atoms.set_cell(atoms.cell * strain, scale_atoms=True)
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        atoms.wrap()
        frames.append(atoms)
    result = measure(frames, observables=["mean"]).results["mean"]
    assert result.structure is not None
    offset = (result.structure.positions - crystal.positions) @ np.linalg.inv(crystal.cell.array)
    offset = (offset - np.round(offset)) @ crystal.cell.array
    np.testing.assert_allclose(offset - offset.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(result.structure.cell.array, crystal.cell.array, atol=0.03)
    assert result.summary["rms_displacement_A"]["Cu"] == pytest.approx(0.1 * np.sqrt(3), rel=0.05)  # type: ignore[index]
