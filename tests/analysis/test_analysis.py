"""Laws of a whole analysis: formats, files, times, and refused input."""

import csv
import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff.analysis import AnalysisConfig, analysis_files, analyze, write_analysis
from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.md import MDConfig, md_files, run_md
from alignn_ff.plots import observable_figures
from tests.support.trajectories import Measure, moving, trajectory, walk


@pytest.mark.parametrize("name", ["t.traj", "t.extxyz", "XDATCAR", "t.xyz"])
def test_any_format_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    reference = analyze(trajectory(tmp_path), config=AnalysisConfig(observables=("rdf", "msd")))
    other = analyze(trajectory(tmp_path, name), config=AnalysisConfig(observables=("rdf", "msd"), frame_time_fs=10.0))
    for result in ("rdf", "msd"):
        table, same = (one.results[result].tables[result] for one in (reference, other))  # type: ignore[index]
        for column in table:
            np.testing.assert_allclose(same[column], table[column], atol=1e-4)


def test_h5md_of_a_run_gives_the_same_numbers_as_its_extended_xyz(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    files = md_files(Path("x"), prefix=tmp_path / "run", formats=("extxyz", "h5md"))
    config = MDConfig(steps=24, write_every=2, formats=("extxyz", "h5md"), temperature_K=300)
    run_md(bulk("Cu", cubic=True), EMT(), config=config, files=files)
    measured = AnalysisConfig(observables=("thermo", "rdf", "msd", "vdos"))
    found = [analyze(tmp_path / name, config=measured) for name in ("run.extxyz", "run.h5")]
    for result in ("thermo", "rdf", "msd", "vdos"):
        for column, values in found[0].results[result].tables[result].items():  # type: ignore[index]
            same = found[1].results[result].tables[result][column]  # type: ignore[index]
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
    assert isinstance(ase.io.read(files.structures["mean"]), Atoms)


def test_equilibration_is_left_out_and_frames_are_thinned(tmp_path: Path) -> None:
    path = trajectory(tmp_path)
    thermo = analyze(path, config=AnalysisConfig(observables=("thermo",), from_fs=95, to_fs=300, every=2))
    assert list(thermo.clock.chosen) == list(range(10, 31, 2))
    assert thermo.results["thermo"].tables["thermo"]["time_fs"][0] == 100.0
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
    assert "rdf" in whole.results
    assert analyze(tmp_path / "uneven.extxyz", config=AnalysisConfig(from_fs=90)).left_out == {}


def test_without_times_only_what_needs_them_is_left_out(measure: Measure) -> None:
    start = bulk("Ar", a=5.0, cubic=True).repeat(2).positions
    frames = moving(start + walk(np.random.default_rng(0), n_frames=20, n_atoms=32, step=0.02))
    analysis = measure(frames, frame_fs=None)
    assert set(analysis.left_out) == {"msd", "vdos"}
    assert "--frame-time" in analysis.left_out["msd"]
    with pytest.raises(ConfigError, match="--frame-time"):
        measure(frames, frame_fs=None, observables=["msd"])


def test_files_that_are_not_trajectories_are_refused(tmp_path: Path) -> None:
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
