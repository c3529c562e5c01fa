"""The command ``alignn-ff analyze``: after ``md``, its files, and refused input."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from tests.support.command_line import CommandLine


@pytest.fixture
def trajectory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty frames of vibrating copper, 5 fs apart, in the current folder."""
    monkeypatch.chdir(tmp_path)
    crystal, rng, frames = bulk("Cu", cubic=True) * 2, np.random.default_rng(0), []
    for number in range(40):
        atoms = crystal.copy()
        atoms.rattle(0.05, rng=rng)
        atoms.set_momenta(rng.normal(size=(32, 3)))
        atoms.info = {"step": number, "time_fs": 5.0 * number}
        frames.append(atoms)
    ase.io.write(tmp_path / "run.extxyz", frames)
    return tmp_path / "run.extxyz"


def test_what_md_writes_analyze_reads(
    tmp_path: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ase.io.write("si.vasp", bulk("Si", cubic=True))
    command_line("md", "si.vasp", "-m", si_model_file, "--steps", 24, "--write-every", 2, "--temperature", 300)
    result = command_line("analyze", "si-md.extxyz", "--bond", 2.7)
    content = json.loads(Path("si-md-analysis.json").read_text())
    assert result.code == 0, result.stderr
    assert (content["n_frames"], content["frame_time_fs"], content["left_out"]) == (13, 2.0, {})
    for name in ("thermo", "rdf", "coordination", "angles", "msd", "vdos", "vacf"):
        assert Path(f"si-md-analysis-{name}.csv").read_text()
        assert Path(f"si-md-analysis-{name}.png").read_bytes().startswith(b"\x89PNG")
    assert Path("si-md-analysis-mean.extxyz").exists()
    assert all(word in result.stdout for word in ("g(r) Si-Si", "coordination Si", "THz", "temperature", " K"))


def test_only_json_goes_to_stdout(trajectory: Path, command_line: CommandLine) -> None:
    result = command_line("analyze", trajectory, "--only", "rdf,thermo", "--json", "--figures", "none", "-o", "out/a")
    content = json.loads(result.stdout)
    assert content["rdf"]["Cu-Cu"]["first_peak_A"] == pytest.approx(2.553, abs=0.08)
    assert "msd" not in content
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-rdf.csv", "a-thermo.csv", "a.json"]


def test_nothing_is_overwritten_unless_allowed(trajectory: Path, command_line: CommandLine) -> None:
    words = ("analyze", trajectory, "--only", "thermo", "--figures", "none")
    assert command_line(*words).code == 0
    assert "already; nothing was written" in command_line(*words).stderr
    assert command_line(*words, "--overwrite").code == 0


@pytest.mark.parametrize(
    "words, message",
    [
        ("missing.extxyz", "no such structure file"),
        ("junk.traj", "junk.traj"),
        ("empty.extxyz", "no frame"),
        ("broken.extxyz", "broken.extxyz, frame 0"),
        ("run.extxyz --only rdf,colour", "observables"),
        ("run.extxyz --only", "--only"),
        ("run.extxyz --from 1000", "no frame is left"),
        ("run.extxyz --from 50 --to 20", "nothing lies between"),
        ("run.extxyz --every 0", "every is 0"),
        ("run.extxyz --every 8 --only msd", "too few"),
        ("run.extxyz --bond -1", "bond_A is -1.0"),
        ("run.extxyz --bin 0", "bin_A is 0.0"),
        ("run.extxyz --blocks 1", "n_blocks is 1"),
        ("run.extxyz --frame-time 0", "frame_time_fs is 0.0"),
        ("run.extxyz --figures nonsense", "nonsense"),
        ("timeless.extxyz --only vdos", "--frame-time"),
        ("timeless.extxyz --from 3", "--frame-time"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    words: str, message: str, trajectory: Path, command_line: CommandLine
) -> None:
    folder = trajectory.parent
    (folder / "junk.traj").write_text("junk")
    (folder / "empty.extxyz").write_text("")
    (folder / "broken.extxyz").write_text('1\nLattice="5 0 0 0 5 0 0 0 5"\nCu 0 zero 0\n')
    timeless = ase.io.read(trajectory, ":")
    for atoms in timeless:
        atoms.info = {}
    ase.io.write(folder / "timeless.extxyz", timeless)
    before = sorted(folder.iterdir())
    result = command_line("analyze", *words.split())
    assert (result.code, result.stdout) == (2, "")
    assert message in result.stderr
    assert sorted(folder.iterdir()) == before
