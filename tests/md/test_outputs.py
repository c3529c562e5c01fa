"""Outputs of dynamics: the log, the summary, and no files of an earlier run."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.io.trajectory import TrajectoryReader

from alignn_ff.errors import ConfigError
from alignn_ff.md import MDConfig, MDFiles, md_files, run_md
from alignn_ff.trajectory import read_trajectory
from tests.support.pair_crystal import Morse, morse_cluster, morse_crystal

EVERY_FORMAT = ("extxyz", "traj", "h5md")


@pytest.fixture
def files(tmp_path: Path) -> MDFiles:
    return md_files(Path("x"), prefix=tmp_path / "run", formats=EVERY_FORMAT)


def config(**settings: object) -> MDConfig:
    return MDConfig.model_validate({"steps": 12, "write_every": 4, "log_every": 4, "formats": EVERY_FORMAT, **settings})


def test_the_log_has_a_number_in_every_cell(files: MDFiles) -> None:
    run_md(morse_cluster(), Morse(), config=config(), files=files)
    table = np.genfromtxt(files.log, delimiter=",", names=True)
    assert table["step"].tolist() == [0, 4, 8, 12]
    assert np.isfinite(table["temperature_K"]).all()
    assert np.isnan(table["pressure_GPa"]).all()


def test_the_log_has_pressure_volume_and_targets(files: MDFiles) -> None:
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


def test_the_summary_has_each_stage_and_the_command(files: MDFiles) -> None:
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


def test_the_error_of_a_format_without_its_library_names_the_package(
    files: MDFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ConfigError, match=r"pip install 'alignn-ff\[hdf5\]'"):
        run_md(morse_crystal(2), Morse(), config=config(), files=files)


def test_a_new_run_removes_all_files_of_an_old_one(files: MDFiles) -> None:
    run_md(morse_crystal(2), Morse(), config=config(), files=files)
    run_md(morse_crystal(2), Morse(), config=config(steps=4), files=files)
    for path in files.frames.values():
        assert len(read_trajectory(path)) == 2
