"""One writer per output: the second is refused with the name of the first, and a lock ends with its owner."""

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

from alignn_ff.errors import ConfigError
from alignn_ff.io import sole_writer
from alignn_ff.io import sole_writer as entrance
from alignn_ff.md import MDConfig, MDFiles, run_md
from alignn_ff.relax import RelaxConfig, RelaxRecords, relax
from alignn_ff.train import train
from tests.support.command_line import CommandLine
from tests.support.training_runs import Silent, small_config

HOLDER = """
import sys, time
from pathlib import Path
from alignn_ff.io import sole_writer
with sole_writer([Path(name) for name in sys.argv[1:]]):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(*outputs: Path) -> "subprocess.Popen[str]":
    """Another process that holds outputs."""
    command = [sys.executable, "-c", HOLDER, *map(str, outputs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    """Kill a process without a chance to clean up."""
    assert process.stdout is not None
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def held(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = holder(tmp_path / "a.csv", tmp_path / "b.csv")
    yield process
    end(process)


def refused(*outputs: Path) -> str:
    with pytest.raises(ConfigError) as caught, sole_writer(outputs):
        pass
    return str(caught.value)


def test_a_second_process_is_refused_with_the_name_of_the_first(held: "subprocess.Popen[str]", tmp_path: Path) -> None:
    said = refused(tmp_path / "x.csv", tmp_path / "b.csv")
    assert f"{tmp_path / 'b.csv'} is being written by another run, process {held.pid} on" in said
    assert "choose another path" in said
    with sole_writer([tmp_path / "x.csv"]):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".a.csv.lock", ".b.csv.lock", ".x.csv.lock"]


def test_a_lock_ends_with_a_process_that_is_killed(held: "subprocess.Popen[str]", tmp_path: Path) -> None:
    end(held)
    with sole_writer([tmp_path / "a.csv", tmp_path / "b.csv"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_may_hold_its_outputs_twice_but_another_thread_may_not(tmp_path: Path) -> None:
    said: list[str] = []
    with sole_writer([tmp_path / "a"]):
        with sole_writer([tmp_path / "a", tmp_path / "b"]):
            pass
        other = threading.Thread(target=lambda: said.append(refused(tmp_path / "a")))
        other.start()
        other.join()
    assert f"process {os.getpid()}" in said[0]


def test_a_link_to_a_folder_is_the_same_place(tmp_path: Path, held: "subprocess.Popen[str]") -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert str(held.pid) in refused(tmp_path / "link" / "a.csv")


def test_folders_made_for_a_run_that_wrote_nothing_are_removed(tmp_path: Path) -> None:
    with sole_writer([tmp_path / "new" / "folder" / "a"]):
        assert (tmp_path / "new" / "folder").is_dir()
    assert list(tmp_path.iterdir()) == []
    with sole_writer([tmp_path / "new" / "a"]):
        (tmp_path / "new" / "a").touch()
    assert (tmp_path / "new" / "a").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError) as caught, sole_writer([tmp_path / "a"]):
            pass
        assert caught.value.filename == str(tmp_path / "a")
    finally:
        tmp_path.chmod(0o700)


class TestWithoutLocks:
    """File systems without locks."""

    @pytest.fixture(autouse=True)
    def _no_locks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(handle: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(sys.modules[entrance.__module__], "_flock", refuse)

    def test_another_thread_is_refused(self, tmp_path: Path) -> None:
        said: list[str] = []
        with sole_writer([tmp_path / "a"]), sole_writer([tmp_path / "a"]):
            other = threading.Thread(target=lambda: said.append(refused(tmp_path / "a")))
            other.start()
            other.join()
        assert f"remove {tmp_path / '.a.lock'}" in said[0]
        assert list(tmp_path.iterdir()) == []

    def test_what_a_dead_process_left_is_replaced_but_not_that_of_another_computer(
        self, tmp_path: Path, held: "subprocess.Popen[str]"
    ) -> None:
        left = json.loads((tmp_path / ".a.csv.lock").read_text())
        assert str(held.pid) in refused(tmp_path / "a.csv")
        end(held)
        with sole_writer([tmp_path / "a.csv"]):
            pass
        (tmp_path / ".a.csv.lock").write_text(json.dumps({**left, "host": "elsewhere"}))
        assert "on elsewhere" in refused(tmp_path / "a.csv")


# every command that writes while it runs


@pytest.fixture
def structure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=1)
    write(tmp_path / "si.extxyz", atoms)
    return tmp_path / "si.extxyz"


@pytest.mark.parametrize(
    "words, output",
    [
        (("md", "si.extxyz", "--steps", 5), "si-md.csv"),
        (("md", "si.extxyz", "--steps", 5, "-o", "deep/run"), "deep/run.restart"),
        (("relax", "si.extxyz"), "si-relaxed.json"),
        (("relax", "si.extxyz", "--trajectory", "t.extxyz"), "t.extxyz"),
        (("analyze", "si.extxyz"), "si-analysis.json"),
    ],
)
def test_a_command_is_refused_while_another_process_writes_its_output(
    words: tuple[object, ...], output: str, structure: Path, command_line: CommandLine
) -> None:
    (structure.parent / output).parent.mkdir(exist_ok=True)
    other = holder(structure.parent / output)
    try:
        before = sorted(structure.parent.rglob("*"))
        result = command_line(*words)
        assert result.code == 2
        assert f"process {other.pid}" in result.stderr
        assert sorted(structure.parent.rglob("*")) == before
    finally:
        end(other)


def test_a_training_is_refused_while_another_process_trains_in_its_folder(tmp_path: Path) -> None:
    other = holder(tmp_path / "training_state.pt")
    try:
        with pytest.raises(ConfigError, match=str(other.pid)):
            train(small_config(tmp_path), observer=Silent(), data=tmp_path / "missing.extxyz", device="cpu")
    finally:
        end(other)


def test_python_runs_are_refused_too(tmp_path: Path) -> None:
    other = holder(tmp_path / "run.csv", tmp_path / "state.json")
    atoms = bulk("Cu", cubic=True)
    try:
        with pytest.raises(ConfigError, match=str(other.pid)):
            run_md(atoms, EMT(), config=MDConfig(steps=1), files=MDFiles(tmp_path / "run"))
        with pytest.raises(ConfigError, match=str(other.pid)):
            relax(atoms, EMT(), config=RelaxConfig(), records=RelaxRecords(state=tmp_path / "state.json"))
    finally:
        end(other)
    run_md(atoms, EMT(), config=MDConfig(steps=1), files=MDFiles(tmp_path / "run"))
