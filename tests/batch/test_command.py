"""``alignn-ff batch``: its commands, shards of an array of jobs, what it says."""

import json
from pathlib import Path

import ase.io
import pytest
from ase.build import bulk

from tests.support.command_line import CommandLine


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX"):
        monkeypatch.delenv(name, raising=False)
    structures = [bulk("Si", cubic=k == 1) for k in range(4)]
    for k, atoms in enumerate(structures):
        atoms.rattle(0.02, seed=k)
    ase.io.write("frames.extxyz", structures)
    return Path("frames.extxyz")


def test_energies_of_a_file(frames: Path, si_model_file: Path, command_line: CommandLine) -> None:
    words = ("batch", "energy", frames, "-o", "out", "--model", si_model_file, "--processes", 0)
    assert command_line(*words, "--dry-run").code == 0
    assert not Path("out").exists()
    first = command_line(*words)
    assert (first.code, first.stdout.strip()) == (0, "4 of 4 done")
    assert command_line(*words).stdout == first.stdout
    found = json.loads(command_line("batch", "status", "out", "--json").stdout)
    assert (found["n_done"], found["n_open"]) == (4, 0)
    assert command_line("batch", "merge", "out", "all.db", "--csv", "all.csv").code == 0
    assert len(Path("all.csv").read_text().splitlines()) == 5
    assert command_line("batch", "merge", "out", "all.db").code == 2
    other = command_line(*words, "--dtype", "float64")
    assert other.code == 2
    assert "dtype float32 before, float64 now" in other.stderr


@pytest.mark.parametrize("first", [0, 1])
def test_arrays_of_jobs_from_0_and_from_1_cover_all_shards(
    frames: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    words = ("batch", "energy", frames, "-o", "out", "--model", si_model_file, "--processes", 0)
    for job in range(first, first + 3):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(job))
        assert command_line(*words, *(("--shards", 3) if job == first else ())).code == 0
    assert command_line("batch", "status", "out").stdout.startswith("4 of 4 done")
    assert sorted(len(Path(f"out/shard-000{k}.jsonl").read_text().splitlines()) for k in range(3)) == [1, 1, 2]


def test_mistakes_are_answered_in_words(frames: Path, si_model_file: Path, command_line: CommandLine) -> None:
    words = ("batch", "energy", frames, "-o", "out", "--model", si_model_file, "--processes", 0)
    mistakes = {
        (*words, "--shard", 1): "there is no shard 1",
        ("batch", "status", "nowhere"): "not the folder of a batch",
        ("batch", "energy", "absent.cif", "-o", "out"): "no such structure file",
        (*words, "--timeout", 1): "needs at least one process",
    }
    for mistake, answer in mistakes.items():
        found = command_line(*mistake)
        assert found.code == 2
        assert answer in found.stderr


def test_a_property_and_dynamics_of_each_structure(
    frames: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    ending = ("--model", si_model_file, "--processes", 0, "--outside", "ignore")
    assert command_line("batch", "md", frames, "-o", "md", *ending, "--steps", 2, "--dry-run").code == 0
    assert not Path("md").exists()
    result = command_line("batch", "md", frames, "-o", "md", *ending, "--steps", 2, "--temperature", 100)
    assert (result.code, result.stdout.strip()) == (0, "4 of 4 done")
    assert len(list(Path("md/files").glob("*-final.extxyz"))) == 4
    options = ("--no-relax", "--points", 5)
    command_line("batch", "eos", f"{frames}@0", "-o", "eos", *ending, *options)
    (record,) = map(json.loads, Path("eos/shard-0000.jsonl").read_text().splitlines())
    assert record["state"] == "done" or record["message"]
