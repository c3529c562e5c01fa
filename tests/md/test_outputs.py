"""What dynamics writes: every format holds the same frames, and a full disk or a kill leaves them readable."""

import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import units
from ase.io.trajectory import TrajectoryReader

from alignn_ff.errors import ConfigError, OutputError
from alignn_ff.md import MDConfig, MDFiles, Snapshot, md_files, resume_md, run_md
from alignn_ff.trajectory import iterate_trajectory, read_trajectory
from alignn_ff.trajectory.h5md import H5MDFile
from tests.support.pair_crystal import Morse, morse_cluster, morse_crystal

EVERY_FORMAT = ("extxyz", "traj", "h5md")


@pytest.fixture
def files(tmp_path: Path) -> MDFiles:
    return md_files(Path("x"), prefix=tmp_path / "run", formats=EVERY_FORMAT)


def config(**settings: object) -> MDConfig:
    return MDConfig.model_validate({"steps": 12, "write_every": 4, "log_every": 4, "formats": EVERY_FORMAT, **settings})


def test_every_format_holds_the_same_frames(files: MDFiles) -> None:
    quantities = ("velocities", "forces", "stress", "atomic_energies")
    snapshots: list[Snapshot] = []

    def keep(snapshot: Snapshot) -> None:
        if snapshot.step % 4 == 0:
            snapshots.append(snapshot._replace(atoms=snapshot.atoms.copy()))

    run_md(morse_crystal(2), Morse(), config=config(quantities=quantities), files=files, on_step=keep)
    for name, path in files.frames.items():
        frames, digits = read_trajectory(path), 1e-7 if name == "extxyz" else 0.0
        assert len(frames) == 4
        for frame, snapshot in zip(frames, snapshots, strict=True):
            np.testing.assert_allclose(frame.positions, snapshot.atoms.positions, atol=digits)
            np.testing.assert_allclose(frame.get_momenta(), snapshot.atoms.get_momenta(), atol=1e-7)
            np.testing.assert_allclose(frame.get_forces(), snapshot.forces_eV_per_A, atol=digits)
            assert frame.get_potential_energy() == pytest.approx(snapshot.potential_eV, abs=1e-8)
            assert frame.get_potential_energies().sum() == pytest.approx(snapshot.potential_eV, abs=1e-6)
            assert frame.get_stress().shape == (6,)
            assert frame.pbc.all()


def test_frames_hold_only_what_was_chosen(files: MDFiles) -> None:
    run_md(morse_crystal(2), Morse(), config=config(quantities=()), files=files)
    for path in files.frames.values():
        for frame in iterate_trajectory(path):
            assert frame.get_potential_energy() < 0
            assert not frame.has("momenta")
            assert {"forces", "stress", "energies"}.isdisjoint(frame.calc.results)
    with h5py.File(files.frames["h5md"]) as file:
        assert set(file["particles/all"]) == {"box", "mass", "position", "species"}


def test_h5md_follows_its_conventions(files: MDFiles) -> None:
    run_md(morse_cluster(), Morse(), config=config(timestep_fs=2.0), files=files)
    with h5py.File(files.frames["h5md"]) as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert {"author", "creator", "modules"} <= set(file["h5md"])
        particles = file["particles/all"]
        assert particles["box"].attrs["dimension"] == 3
        assert list(particles["box"].attrs["boundary"]) == ["none"] * 3
        assert particles["species"][()].tolist() == [29] * 13
        assert particles["position/value"].shape == (4, 13, 3)
        assert particles["position/step"][()].tolist() == [0, 4, 8, 12]
        assert particles["velocity/time"][()].tolist() == [0.0, 8.0, 16.0, 24.0]
        assert particles["position/value"].attrs["unit"] == "Angstrom"
        kinetic = (
            0.5 * (particles["mass"][()][:, None] * (particles["velocity/value"][2] / units.fs) ** 2).sum()
        )  # eV, from u and Å/fs
        assert kinetic == pytest.approx(file["observables/kinetic_energy/value"][2])
        assert np.isnan(file["observables/pressure/value"][()]).all()


def test_frames_of_h5md_wait_for_checkpoints_and_then_open_as_usual(files: MDFiles) -> None:
    seen: list[int] = []

    def look(snapshot: Snapshot) -> None:
        if snapshot.step > 0:
            with h5py.File(files.frames["h5md"]) as file:  # while the run is under way
                seen.append(len(file["particles/all/position/step"]))

    run_md(
        morse_crystal(2), Morse(), config=config(steps=7, write_every=1, checkpoint_every=3), files=files, on_step=look
    )
    assert seen == [1, 1, 1, 4, 4, 4, 7]


def test_a_file_killed_while_frames_are_appended_is_readable_and_goes_on(tmp_path: Path) -> None:
    """HDF5 marks a file that nobody closed; its frames are there all the same."""
    path = tmp_path / "torn.h5"
    kept = h5py.File
    writer = H5MDFile(path, ("velocities",))
    run = config(steps=3, formats=("extxyz",))
    run_md(morse_crystal(2), Morse(), config=run, on_step=writer.write)
    writer.sync()
    import subprocess
    import sys

    code = (
        "import h5py, os, signal, sys\n"
        f"file = h5py.File({str(path)!r}, 'r+', libver='latest'); file.swmr_mode = True\n"
        "data = file['particles/all/position/value']; data.resize(9, axis=0); data.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    with pytest.raises(OSError, match="already open for write"), kept(path):
        pass
    assert [frame.info["step"] for frame in iterate_trajectory(path)] == [0, 1, 2, 3]
    again = H5MDFile(path, ("velocities",), keep=2)
    run_md(morse_crystal(2), Morse(), config=run, on_step=again.write)
    again.close()
    with h5py.File(path) as file:
        assert file["particles/all/position/step"][()].tolist() == [0, 1, 0, 1, 2, 3]
        assert file["particles/all/position/value"].shape[0] == 6


@contextmanager
def disk_of(n_bytes: int) -> Iterator[None]:
    """Files can grow to this size alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_full_disk_stops_the_run_cleanly_and_it_goes_on_when_there_is_room(name: str, tmp_path: Path) -> None:
    files, whole = (md_files(Path("x"), prefix=tmp_path / stem, formats=(name,)) for stem in ("full", "whole"))
    run = config(
        steps=220 if name == "h5md" else 60,
        formats=(name,),
        write_every=1,
        checkpoint_every=20 if name == "h5md" else 4,
        log_every=1,
        quantities=("velocities",),
    )
    with (
        disk_of(1_300_000 if name == "h5md" else 60_000),
        pytest.raises(OutputError, match=r"cannot write .*full.*make room") as stopped,
    ):
        run_md(morse_crystal(2), Morse(), config=run, files=files)
    assert stopped.value.exit_code == 5
    steps = [frame.info.get("step") for frame in iterate_trajectory(files.trajectory)]
    assert len(steps) > 2
    assert files.log.read_text().endswith("\n")
    resume_md(files.restart, calculator=Morse())
    run_md(morse_crystal(2), Morse(), config=run, files=whole)
    assert files.log.read_bytes() == whole.log.read_bytes()
    for left, right in zip(*(read_trajectory(each.trajectory) for each in (files, whole)), strict=True):
        np.testing.assert_array_equal(left.positions, right.positions)


def test_the_log_has_a_number_in_every_cell(files: MDFiles) -> None:
    run_md(morse_cluster(), Morse(), config=config(), files=files)
    table = np.genfromtxt(files.log, delimiter=",", names=True)
    assert table["step"].tolist() == [0, 4, 8, 12]
    assert np.isfinite(table["temperature_K"]).all()
    assert np.isnan(table["pressure_GPa"]).all()


def test_the_log_knows_pressure_volume_and_targets(files: MDFiles) -> None:
    settings = {"ensemble": "npt_mtk", "temperature_K": (300, 400), "pressure_GPa": 1.5}
    run_md(morse_crystal(2), Morse(), config=config(**settings), files=files)
    table = np.genfromtxt(files.log, delimiter=",", names=True)
    assert table["target_temperature_K"].tolist() == pytest.approx([300, 300 + 100 / 3, 300 + 200 / 3, 400])
    assert table["target_pressure_GPa"].tolist() == [1.5] * 4
    assert np.ptp(table["volume_A3"]) > 0
    with TrajectoryReader(files.frames["traj"]) as frames:
        frame = frames[-1]
    pressure = -frame.get_stress(include_ideal_gas=True)[:3].mean() * 160.21766208
    assert table["pressure_GPa"][-1] == pytest.approx(pressure, abs=1e-6)


def test_the_summary_knows_each_stage_and_the_command(files: MDFiles) -> None:
    stages = [{"name": "a", "steps": 4}, {"steps": 4, "ensemble": "npt_mtk"}]
    run_md(morse_crystal(2), Morse(), config=config(steps=8, stages=stages), files=files, command="alignn-ff md x")
    summary = json.loads(files.summary.read_text())
    assert [(stage["name"], stage["ensemble"], stage["n_steps"]) for stage in summary["stages"]] == [
        ("a", "nve", 4),
        ("", "npt_mtk", 4),
    ]
    assert summary["stages"][1]["mean_volume_A3"] > 0
    assert summary["command"] == "alignn-ff md x"
    assert summary["config"]["seed"] == 0
    assert "alignn-ff" in summary["versions"]


def test_a_format_without_its_library_says_what_to_install(files: MDFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ConfigError, match=r"pip install 'alignn-ff\[hdf5\]'"):
        run_md(morse_crystal(2), Morse(), config=config(), files=files)


def test_a_new_run_leaves_nothing_of_an_old_one(files: MDFiles) -> None:
    run_md(morse_crystal(2), Morse(), config=config(), files=files)
    run_md(morse_crystal(2), Morse(), config=config(steps=4), files=files)
    for path in files.frames.values():
        assert len(read_trajectory(path)) == 2
