"""Laws of trajectory analysis: what is known exactly comes out, with errors that hold."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, fcc100, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.analysis import Analysis, AnalysisConfig, analysis_files, analyze, write_analysis
from alignn_ff.analysis.blocking import average
from alignn_ff.analysis.pairs import pairs_within
from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.md import MDConfig, md_files, run_md
from alignn_ff.plots import observable_figures

Measure = Callable[..., Analysis]


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """Write frames, one every fs unless told, and analyse them."""

    def run(frames: Iterator[Atoms] | list[Atoms], *, frame_fs: float | None = 1.0, **settings: object) -> Analysis:
        written = list(frames)
        for number, atoms in enumerate(written):
            atoms.info = {} if frame_fs is None else {"time_fs": number * frame_fs}
        ase.io.write(tmp_path / "t.traj", written)
        return analyze(tmp_path / "t.traj", config=AnalysisConfig.model_validate(settings))

    return run


def box(positions: np.ndarray, length: float, *, symbol: str = "Ar", pbc: bool = True) -> Atoms:
    return Atoms(f"{symbol}{len(positions)}", positions, cell=[length] * 3, pbc=pbc)


# pair functions


def test_the_pair_function_of_an_ideal_gas_is_one(measure: Measure) -> None:
    rng = np.random.default_rng(0)
    gas = [box(rng.uniform(0, 14, (300, 3)), 14.0) for _ in range(20)]
    table = measure(gas, observables=["rdf"], bin_A=0.25).findings["rdf"].tables["rdf"]
    far = table["r_A"] > 1.0
    deviation = (table["g_Ar-Ar"] - (1 - 1 / 300))[far] / table["g_Ar-Ar_stderr"][far]
    assert abs(table["g_Ar-Ar"][far].mean() - 1) < 0.01
    assert np.sqrt(np.mean(deviation**2)) < 2.0  # five blocks: a Student's t with four degrees of freedom


def test_shells_of_a_crystal_are_where_and_as_many_as_they_are(measure: Measure) -> None:
    finding = measure([bulk("Si", a=5.43, cubic=True)], observables=["rdf"], r_max_A=6.0).findings["rdf"]
    table = finding.tables["rdf"]
    found = table["r_A"][table["g_Si-Si"] > 0]
    np.testing.assert_allclose(found, 5.43 * np.sqrt([3 / 16, 1 / 2, 11 / 16, 1, 19 / 16]), atol=0.011)
    steps = np.diff(table["n_Si-Si"], prepend=0.0)
    np.testing.assert_allclose(steps[steps > 0], [4, 12, 12, 6, 12])
    assert finding.summary["Si-Si"]["coordination_to_minimum"] == pytest.approx(4)  # type: ignore[index]
    assert 2.4 < finding.summary["Si-Si"]["first_minimum_A"] < 3.8  # type: ignore[index]


def test_partial_pair_functions_integrate_to_the_neighbours_of_each_kind(measure: Measure) -> None:
    salt = bulk("NaCl", "rocksalt", a=5.6, cubic=True) * 2
    salt.rattle(0.05, seed=1)
    salt.symbols[0] = "K"
    table = measure([salt], observables=["rdf"], r_max_A=5.0).findings["rdf"].tables["rdf"]
    density = 32 / salt.get_volume()
    shells = 4 / 3 * np.pi * np.diff(np.append(table["r_A"] - 0.01, table["r_A"][-1] + 0.01) ** 3)
    np.testing.assert_allclose(
        np.cumsum(table["g_Cl-Na"] * 31 / salt.get_volume() * shells), table["n_Cl-Na"], rtol=1e-6
    )
    np.testing.assert_allclose(np.cumsum(table["g_Cl-K"] * density * shells) / 32, table["n_Cl-K"], rtol=1e-6)
    assert table["n_Cl-Na"][table["r_A"] < 3.5][-1] == pytest.approx(6 * 31 / 32)


def test_volume_that_fluctuates_does_not_bias_the_pair_function(measure: Measure) -> None:
    rng = np.random.default_rng(3)
    lengths = rng.uniform(11, 17, 30)
    gas = [box(rng.uniform(0, length, (200, 3)), length) for length in lengths]
    table = measure(gas, observables=["rdf"], bin_A=0.5, r_max_A=5.0).findings["rdf"].tables["rdf"]
    assert table["g_Ar-Ar"][3:].mean() == pytest.approx(1.0, abs=0.015)


@pytest.mark.parametrize(
    "atoms, within, neighbours",
    [
        (molecule("CH4"), 1.2, {"C-H": 4, "H-H": 0}),
        (fcc100("Cu", (2, 2, 3), vacuum=5), 2.7, {"Cu-Cu": (4 * 8 + 8 * 8 + 4 * 4 + 0) / 12 * 12 / 12}),
        (Atoms("Au", cell=[0, 0, 2.8], pbc=(False, False, True)) * (1, 1, 3), 3.0, {"Au-Au": 2}),
    ],
)
def test_molecule_slab_and_wire_have_neighbours_without_a_density(
    atoms: Atoms, within: float, neighbours: dict[str, float], measure: Measure
) -> None:
    atoms.calc = None
    table = measure([atoms], observables=["rdf"]).findings["rdf"].tables["rdf"]
    assert not any(name.startswith("g_") for name in table)
    distances = atoms.get_all_distances(mic=True)
    for pair in neighbours:
        a, b = (np.array([s == symbol for s in atoms.symbols]) for symbol in pair.split("-"))
        if atoms.pbc.any():
            expected = np.bincount(pairs_within(atoms, within).first).mean()
        else:
            expected = ((distances > 0) & (distances < within))[a][:, b].sum() / a.sum()
        assert table[f"n_{pair}"][table["r_A"] < within][-1] == pytest.approx(expected)


# coordination and angles


def test_a_perfect_diamond_has_four_neighbours_at_the_tetrahedral_angle(measure: Measure) -> None:
    found = measure(
        [bulk("Si", a=5.43) for _ in range(3)], observables=["coordination", "angles"], angle_bin_deg=0.5
    ).findings
    assert found["coordination"].summary["Si"]["shares"] == {"4": 1.0}  # type: ignore[index]
    angles = found["angles"]
    assert angles.summary["Si"]["mean_deg"] == pytest.approx(np.degrees(np.arccos(-1 / 3)))  # type: ignore[index]
    assert angles.summary["Si"]["n_angles"] == 3 * 2 * 6  # type: ignore[index]
    assert (angles.tables["angles"]["density_Si_per_deg"] * 0.5).sum() == pytest.approx(1.0)


def test_bonds_of_each_pair_have_their_own_length(measure: Measure) -> None:
    water = [molecule("H2O") for _ in range(2)]
    for atoms in water:
        atoms.center(vacuum=5)
    found = measure(water, observables=["coordination", "angles"], bond_A=1.2).findings
    summary = found["coordination"].summary
    assert (summary["O"]["mean_to"], summary["H"]["mean_to"]) == ({"H": 2, "O": 0}, {"H": 0, "O": 1})  # type: ignore[index]
    assert found["angles"].summary["O"]["mean_deg"] == pytest.approx(water[0].get_angle(1, 0, 2))  # type: ignore[index]
    assert found["angles"].summary["H"]["n_angles"] == 0  # type: ignore[index]


# motion


def moving(positions: np.ndarray, velocities: np.ndarray | None = None, length: float = 10.0) -> list[Atoms]:
    """Frames of (n_frames, n_atoms, 3) Å and Å/fs, wrapped into a periodic box."""
    frames = [box(np.mod(p, length), length) for p in positions]
    if velocities is not None:
        for atoms, v in zip(frames, velocities, strict=True):
            atoms.set_velocities(v / units.fs)
    return frames


def test_free_particles_move_with_the_square_of_time_through_any_boundary(measure: Measure) -> None:
    rng = np.random.default_rng(1)
    velocity = rng.normal(0, 0.2, (40, 3))
    velocity -= velocity.mean(axis=0)
    times = np.arange(200.0)
    start = rng.uniform(0, 10, (40, 3))
    finding = measure(moving(start + times[:, None, None] * velocity), observables=["msd"], n_blocks=2).findings["msd"]
    table = finding.tables["msd"]
    np.testing.assert_allclose(table["msd_Ar_A2"], (velocity**2).sum(axis=1).mean() * table["lag_fs"] ** 2, rtol=1e-5)
    assert finding.summary["Ar"]["exponent"] == pytest.approx(2, abs=1e-3)  # type: ignore[index]
    assert finding.summary["Ar"]["is_diffusive"] is False  # type: ignore[index]


def walk(rng: np.random.Generator, *, n_frames: int, n_atoms: int, step: float) -> np.ndarray:
    return np.cumsum(rng.normal(0, step, (n_frames, n_atoms, 3)), axis=0)


def test_a_random_walk_has_its_diffusion_coefficient_and_an_error_that_holds(measure: Measure) -> None:
    rng, deviations = np.random.default_rng(7), []
    exact = 0.3**2 / (2 * 1.0) * 0.1  # Å²/fs → cm²/s
    for _ in range(6):
        frames = moving(walk(rng, n_frames=300, n_atoms=20, step=0.3))
        summary = measure(frames, observables=["msd"], keep_drift=True).findings["msd"].summary["Ar"]
        assert summary["is_diffusive"]  # type: ignore[index]
        assert summary["D_cm2_per_s"] == pytest.approx(exact, rel=0.3)  # type: ignore[index]
        deviations.append((summary["D_cm2_per_s"] - exact) / summary["D_stderr_cm2_per_s"])  # type: ignore[index]
    assert 0.3 < np.sqrt(np.mean(np.square(deviations))) < 2.5


def test_atoms_that_vibrate_about_their_places_do_not_diffuse(measure: Measure) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (100, 32, 3))
    summary = measure(moving(bulk("Ar", a=5.0, cubic=True).repeat(2).positions + noise), observables=["msd"])
    assert summary.findings["msd"].summary["Ar"]["is_diffusive"] is False  # type: ignore[index]


def test_a_drift_of_the_whole_box_is_no_diffusion_unless_it_is_kept(measure: Measure) -> None:
    times = np.arange(60.0)[:, None, None]
    frames = moving(np.random.default_rng(0).uniform(0, 10, (5, 3)) + 0.2 * times)
    still = measure(frames, observables=["msd"]).findings["msd"].tables["msd"]
    kept = measure(frames, observables=["msd"], keep_drift=True).findings["msd"].tables["msd"]
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
    finding = measure(frames, frame_fs=2.0, observables=["vdos"], keep_drift=True, window_fs=1000).findings["vdos"]
    table = finding.tables["vdos"]
    width = table["frequency_THz"][1]
    assert table["frequency_THz"][table["vdos_Na_per_THz"].argmax()] == pytest.approx(5.0, abs=0.5)
    assert table["frequency_THz"][table["vdos_H_per_THz"].argmax()] == pytest.approx(12.0, abs=0.5)
    assert (table["vdos_per_THz"] * width).sum() == pytest.approx(1.0)
    assert table["vdos_Na_per_THz"].sum() / table["vdos_H_per_THz"].sum() == pytest.approx(20, rel=0.02)
    vacf = finding.tables["vacf"]
    near = vacf["lag_fs"] < 300
    np.testing.assert_allclose(
        vacf["vacf_Na"][near], np.cos(2 * np.pi * 0.005 * vacf["lag_fs"][near]), atol=0.06 if with_velocities else 0.08
    )
    assert finding.summary["velocities"] == ("of the file" if with_velocities else "between frames")


def test_frames_too_far_apart_for_the_spectrum_are_said(measure: Measure) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (200, 4, 3))
    finding = measure(moving(5 + 0 * noise, noise), observables=["vdos"]).findings["vdos"]
    assert finding.summary["frames_are_dense_enough"] is False


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
    finding = measure(frames, observables=["mean"]).findings["mean"]
    assert finding.structure is not None
    offset = (finding.structure.positions - crystal.positions) @ np.linalg.inv(crystal.cell.array)
    offset = (offset - np.round(offset)) @ crystal.cell.array
    np.testing.assert_allclose(offset - offset.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(finding.structure.cell.array, crystal.cell.array, atol=0.03)
    assert finding.summary["rms_displacement_A"]["Cu"] == pytest.approx(0.1 * np.sqrt(3), rel=0.05)  # type: ignore[index]


# errors of means


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


def test_independent_noise_needs_no_blocks_and_a_short_series_says_so() -> None:
    noise = np.random.default_rng(0).normal(size=4096)
    assert average(noise).stderr == pytest.approx(1 / 64, rel=0.1)
    assert not average(correlated(np.random.default_rng(1), 40, 20.0)).reliable
    assert average(np.array([1.0, 2.0])).stderr is None
    assert average(np.ones(50)).stderr == 0.0


def test_thermodynamic_series_hold_what_the_frames_hold(measure: Measure) -> None:
    frames = []
    for number in range(16):
        atoms = bulk("Cu", cubic=True) * 2
        atoms.set_momenta(np.random.default_rng(number).normal(size=(32, 3)))
        stress = np.array([-0.01, -0.01, -0.01, 0, 0, 0])
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0 - number, stress=stress, forces=np.zeros((32, 3)))
        frames.append(atoms)
    finding = measure(frames, observables=["thermo"]).findings["thermo"]
    table = finding.tables["thermo"]
    np.testing.assert_allclose(table["potential_eV"], -1.0 - np.arange(16))
    np.testing.assert_allclose(table["kinetic_eV"], [atoms.get_kinetic_energy() for atoms in frames])
    np.testing.assert_allclose(table["temperature_K"], [atoms.get_temperature() for atoms in frames])
    ideal = 2 / 3 * table["kinetic_eV"] / frames[0].get_volume()
    np.testing.assert_allclose(table["pressure_GPa"], (0.01 + ideal) * 160.21766208)
    assert table["density_g_per_cm3"][0] == pytest.approx(63.546 * 1.66053906660 / (3.61**3 / 4))
    assert table["time_fs"][3] == 3.0


# files, formats, what is refused


def trajectory(folder: Path, name: str = "t.extxyz") -> Path:
    rng, start = np.random.default_rng(0), bulk("Ar", a=5.0, cubic=True).repeat(2).positions
    frames = moving(start + walk(rng, n_frames=40, n_atoms=32, step=0.02))
    for number, atoms in enumerate(frames):
        if name.endswith("xyz"):
            atoms.info = {"time_fs": 10.0 * number, "step": number}
    ase.io.write(folder / name, frames)
    return folder / name


@pytest.mark.parametrize("name", ["t.traj", "t.extxyz", "XDATCAR", "t.xyz"])
def test_any_format_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    reference = analyze(trajectory(tmp_path), config=AnalysisConfig(observables=("rdf", "msd")))
    other = analyze(trajectory(tmp_path, name), config=AnalysisConfig(observables=("rdf", "msd"), frame_time_fs=10.0))
    for finding in ("rdf", "msd"):
        table, same = (one.findings[finding].tables[finding] for one in (reference, other))  # type: ignore[index]
        for column in table:
            np.testing.assert_allclose(same[column], table[column], atol=1e-4)


def test_h5md_of_a_run_gives_the_same_numbers_as_its_extended_xyz(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    files = md_files(Path("x"), prefix=tmp_path / "run", formats=("extxyz", "h5md"))
    config = MDConfig(steps=24, write_every=2, formats=("extxyz", "h5md"), temperature_K=300)
    run_md(bulk("Cu", cubic=True), EMT(), config=config, files=files)
    measured = AnalysisConfig(observables=("thermo", "rdf", "msd", "vdos"))
    found = [analyze(tmp_path / name, config=measured) for name in ("run.extxyz", "run.h5")]
    for finding in ("thermo", "rdf", "msd", "vdos"):
        for column, values in found[0].findings[finding].tables[finding].items():  # type: ignore[index]
            same = found[1].findings[finding].tables[finding][column]  # type: ignore[index]
            np.testing.assert_allclose(same, values, atol=2e-6, err_msg=column)


def test_everything_is_written_with_units_and_drawn(tmp_path: Path) -> None:
    path = trajectory(tmp_path)
    analysis = analyze(path)
    files = analysis_files(path, analysis.config.observables, prefix=tmp_path / "out" / "a", figures="pdf")
    written = write_analysis(files, analysis)
    content = json.loads(files.summary.read_text())
    assert content["n_frames"] == 40
    assert set(files.all) - set(files.figures.values()) == set(written)
    rows = list(csv.reader(files.tables["rdf"].read_text().splitlines()))
    assert rows[0] == ["r_A", "g_Ar-Ar", "g_Ar-Ar_stderr", "n_Ar-Ar"]
    figures = observable_figures(analysis)
    assert set(figures) == set(files.figures)
    assert all(axes.get_xlabel() or axes.get_ylabel() for figure in figures.values() for axes in figure.axes)
    assert isinstance(ase.io.read(files.structure), Atoms)


def test_equilibration_is_left_out_and_frames_are_thinned(tmp_path: Path) -> None:
    path = trajectory(tmp_path)
    thermo = analyze(path, config=AnalysisConfig(observables=("thermo",), from_fs=95, to_fs=300, every=2))
    assert list(thermo.clock.chosen) == list(range(10, 31, 2))
    assert thermo.findings["thermo"].tables["thermo"]["time_fs"][0] == 100.0
    assert thermo.clock.frame_time_fs == 20.0


def test_a_run_that_ends_between_two_frames_is_read_up_to_there(tmp_path: Path) -> None:
    path = trajectory(tmp_path)
    frames = ase.io.read(path, ":")
    frames[-1].info["time_fs"] = 384.0
    ase.io.write(path, frames)
    assert len(analyze(path, config=AnalysisConfig(observables=("msd",))).clock.chosen) == 39


def test_uneven_frames_have_structure_but_no_motion_until_an_even_stretch_is_chosen(tmp_path: Path) -> None:
    frames = ase.io.read(trajectory(tmp_path), ":")
    ase.io.write(tmp_path / "uneven.extxyz", [*frames[:9:3], *frames[9:]])
    whole = analyze(tmp_path / "uneven.extxyz")
    assert "not equally spaced" in whole.left_out["msd"]
    assert "rdf" in whole.findings
    assert analyze(tmp_path / "uneven.extxyz", config=AnalysisConfig(from_fs=90)).left_out == {}


def test_without_times_only_what_needs_them_is_left_out(measure: Measure) -> None:
    start = bulk("Ar", a=5.0, cubic=True).repeat(2).positions
    frames = moving(start + walk(np.random.default_rng(0), n_frames=20, n_atoms=32, step=0.02))
    analysis = measure(frames, frame_fs=None)
    assert set(analysis.left_out) == {"msd", "vdos"}
    assert "--frame-time" in analysis.left_out["msd"]
    with pytest.raises(ConfigError, match="--frame-time"):
        measure(frames, frame_fs=None, observables=["msd"])


def test_what_is_no_trajectory_is_refused(tmp_path: Path) -> None:
    path = trajectory(tmp_path)
    frames = ase.io.read(path, ":")
    ase.io.write(tmp_path / "changed.extxyz", [*frames[:3], frames[3][:5]])
    (tmp_path / "junk.traj").write_text("junk")
    (tmp_path / "empty.extxyz").write_text("")
    for name, words in {
        "missing.extxyz": "no such trajectory",
        "changed.extxyz": "frame 3 has 5 atoms",
        "junk.traj": "junk.traj",
        "empty.extxyz": "no frame",
    }.items():
        with pytest.raises(StructureError, match=words):
            analyze(tmp_path / name)
    with pytest.raises(ConfigError, match="another --from"):
        analyze(path, config=AnalysisConfig(from_fs=1e6))


def test_memory_does_not_grow_with_the_length_of_the_run(tmp_path: Path) -> None:
    import tracemalloc

    rng, peaks = np.random.default_rng(0), []
    for n_frames in (100, 500):
        frames = moving(5 + walk(rng, n_frames=n_frames, n_atoms=400, step=0.01))
        for number, atoms in enumerate(frames):
            atoms.info = {"time_fs": float(number)}
        path = tmp_path / f"{n_frames}.traj"
        ase.io.write(path, frames)
        config = AnalysisConfig(observables=("msd", "mean", "thermo", "vdos"), frame_time_fs=1.0, window_fs=20)
        tracemalloc.start()
        analyze(path, config=config)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.6 * peaks[0]
