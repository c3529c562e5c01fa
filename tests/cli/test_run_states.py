"""Runs report their state: how to resume or prolong them, what they do where nobody sees a bar, what cannot work."""

import json
import logging
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.io import write

from alignn_ff.cli import console
from alignn_ff.errors import ConfigError
from alignn_ff.md import MDConfig, Stage, run_md
from alignn_ff.md.ensembles.timestep import check_timesteps
from alignn_ff.relax import RelaxConfig, RelaxRecords, RelaxStep, relax
from tests.support.command_line import CommandLine


@pytest.fixture
def folder(tmp_path: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=1)
    write(tmp_path / "si.extxyz", atoms)
    (tmp_path / "tiny.pt").write_bytes(si_model_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


MD = ("md", "si.extxyz", "-m", "tiny.pt", "--temperature", 50)
RELAX = ("relax", "si.extxyz", "-m", "tiny.pt", "--fmax", 1e-9)


def test_dynamics_whose_files_exist_names_the_restart(folder: Path, command_line: CommandLine) -> None:
    assert command_line(*MD, "--steps", 2).code == 0
    refused = command_line(*MD, "--steps", 4)
    assert refused.code == 2
    assert "`alignn-ff md --restart si-md.restart` resumes the run" in refused.stderr


def test_a_relaxation_whose_files_exist_names_the_restart(folder: Path, command_line: CommandLine) -> None:
    assert command_line(*RELAX, "--steps", 1).code == 3
    refused = command_line(*RELAX)
    assert refused.code == 2
    assert "`alignn-ff relax --restart si-relaxed-restart.json` resumes the run" in refused.stderr


def test_a_finished_run_is_complete_and_can_be_prolonged(folder: Path, command_line: CommandLine) -> None:
    command_line(*MD, "--steps", 3)
    before = (folder / "si-md.json").read_bytes()
    again = command_line("md", "--restart", "si-md.restart")
    assert again.code == 0
    assert "the run is complete: 3 steps" in again.stdout
    assert "md --restart si-md.restart --steps 6" in again.stdout
    assert (folder / "si-md.json").read_bytes() == before
    assert command_line("md", "--restart", "si-md.restart", "--steps", 6).code == 0
    assert json.loads((folder / "si-md.json").read_text())["n_steps"] == 6


def test_a_finished_run_without_a_summary_still_gets_it(folder: Path, command_line: CommandLine) -> None:
    command_line(*MD, "--steps", 3)
    (folder / "si-md.json").unlink()
    assert command_line("md", "--restart", "si-md.restart").code == 0
    assert (folder / "si-md.json").exists()


def test_a_converged_relaxation_is_complete(folder: Path, command_line: CommandLine) -> None:
    assert command_line(*RELAX[:-1], 100).code == 0
    again = command_line("relax", "--restart", "si-relaxed-restart.json")
    assert again.code == 0
    assert "the relaxation is complete" in again.stdout
    assert "smaller --fmax" in again.stdout


def test_files_of_a_run_that_a_guard_stopped_may_be_replaced(folder: Path, command_line: CommandLine) -> None:
    stopped = command_line(*MD, "--steps", 5, "--guard", "max_temperature_K=1", "--guard", "min_distance_A=9")
    assert stopped.code == 4
    corrected = command_line(*MD, "--steps", 5)
    assert corrected.code == 0, corrected.stderr
    assert not (folder / "si-md-stopped.json").exists()
    assert command_line(*MD, "--steps", 5).code == 2


@pytest.mark.parametrize("words", [(*MD, "--steps", 3), (*RELAX, "--steps", 3), ("analyze", "si.extxyz")])
def test_a_run_without_a_terminal_prints_a_line_at_the_start_and_per_minute(
    words: tuple[object, ...], folder: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = command_line(*words, "--overwrite").stderr.splitlines()
    monkeypatch.setattr(console, "STATUS_EVERY_S", 0.0)
    talking = command_line(*words, "--overwrite").stderr.splitlines()
    assert len(talking) > len(quiet) > 0
    assert quiet[0] == talking[0]


def test_a_relaxation_saves_its_state_after_minutes(tmp_path: Path) -> None:
    saved: list[bool] = []

    def look(step: RelaxStep) -> None:
        saved.append((tmp_path / "state.json").exists())

    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    for minutes, expected in ((1e-9, True), (10.0, False)):
        config = RelaxConfig(max_steps=2, checkpoint_minutes=minutes, fmax_eV_per_A=1e-9)
        relax(atoms, EMT(), config=config, records=RelaxRecords(state=tmp_path / "state.json"), on_step=look)
        assert saved[1] == expected
        (tmp_path / "state.json").unlink()
        saved.clear()


def test_states_are_saved_each_minute_by_default() -> None:
    assert MDConfig(steps=1).checkpoint_minutes == RelaxConfig().checkpoint_minutes == 1.0


@pytest.mark.parametrize(
    "word, first", [("nvt", "take nvt_bussi"), ("npt", "take npt_mtk"), ("NVT", "take nvt_bussi"), ("langevin", "")]
)
def test_a_family_of_ensembles_gets_advice(word: str, first: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MDConfig(steps=1, ensemble=word)
    assert first in str(caught.value)
    assert "nvt_langevin (" in str(caught.value) or word == "npt"


@pytest.mark.parametrize(
    "atoms, refused_fs, doubtful_fs, usual_fs",
    [(bulk("Si"), 50.0, 9.0, 5.0), (molecule("H2O"), 10.0, 2.0, 1.0), (bulk("Au"), 150.0, 25.0, 10.0)],
)
def test_a_time_step_that_cannot_work_is_refused_and_a_doubtful_one_is_named(
    atoms: Atoms, refused_fs: float, doubtful_fs: float, usual_fs: float, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match=f"{refused_fs:g} fs is longer than the vibrations.*--timestep"):
        check_timesteps([Stage(steps=1, timestep_fs=refused_fs)], atoms)
    check_timesteps([Stage(steps=1, timestep_fs=usual_fs)], atoms)
    assert not caplog.records
    check_timesteps([Stage(steps=1, timestep_fs=doubtful_fs)], atoms)
    assert caplog.records[0].levelno == logging.WARNING


def test_dynamics_check_their_time_step() -> None:
    with pytest.raises(ConfigError, match="vibrations"):
        run_md(bulk("Cu"), EMT(), config=MDConfig(steps=1, timestep_fs=80.0))
