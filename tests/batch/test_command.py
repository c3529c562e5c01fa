"""``alignn-ff batch``: its commands, shards of an array of jobs, what it says."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import ase.io
import pytest
from ase.build import bulk

from alignn_ff.batch import BatchStatus
from alignn_ff.batch.folder.shard import ShardWriter
from alignn_ff.batch.outcome import REASONS
from alignn_ff.cli.commands.batch import status_lines
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
    assert "results are in out; as a table: alignn-ff batch merge out out.csv\n" in first.stderr
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


def test_ctrl_c_is_one_message_and_the_same_line_resumes(
    frames: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: ShardWriter, place: int, *arguments: Any, **named: Any) -> None:
        if place == 2:
            raise KeyboardInterrupt
        whole(self, place, *arguments, **named)

    whole = ShardWriter.write
    words = ("batch", "energy", frames, "-o", "out", "--model", si_model_file, "--processes", 0)
    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "write", write)
        stopped = command_line(*words)
    assert stopped.code == 130
    assert "stopped by Ctrl-C; the same line again resumes" in stopped.stderr
    assert command_line("batch", "status", "out", columns=80).stdout.splitlines()[:2] == [
        "2 of 4 done",
        f"{'open':24} {2:>12}",
    ]
    assert command_line(*words).code == 0


def test_lines_of_the_status_fit_80_columns() -> None:
    states = Counter({"done": 24_113_000, "not converged": 12_000, "failed": 41_000_000})
    reasons = Counter(dict.fromkeys(REASONS.values(), 1_000_000)) + Counter({"crash of the process": 10**9})
    found = BatchStatus(10**9, states, reasons, tuple(range(1000)), seconds=3e9)
    lines = status_lines(found)
    assert max(map(len, lines)) <= 80
    assert lines[0] == "24,113,000 of 1,000,000,000 done"
    assert any(line.startswith("open shards: 0, 1, 2") for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.02, "0.02 s of"), (90.0, "1.5 minutes of"), (9900.0, "2.75 hours of"), (0.0, "0 s of")]
)
def test_the_time_of_a_batch_has_a_readable_unit(seconds: float, words: str) -> None:
    found = BatchStatus(2, Counter({"done": 2}), Counter(), (), seconds=seconds)
    assert status_lines(found)[-1].startswith(f"{words} computing")


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
