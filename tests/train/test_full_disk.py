"""A full disk: nothing is lost, a message has advice, and the same command resumes when there is space.

The room is taken by the limit that the system puts on the size of a process's files.
"""

import json
import sys
from pathlib import Path

import pytest

from alignn_ff import load_potential
from alignn_ff.train import train, validate_config
from tests.support.command_line import CommandLine
from tests.support.full_disk import files_of_at_most
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL, Silent, assert_same_weights

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits files by the resource module")

CONTENT = {**SMALL, "epochs": 2, "num_workers": 0, "write_predictions": False}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(12))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run on a disk with enough space."""
    folder = tmp_path_factory.mktemp("whole")
    train(validate_config({**CONTENT, "output_dir": str(folder)}), observer=Silent(), data=data, device="cpu")
    return folder


@pytest.fixture
def words(tmp_path: Path, data: Path) -> list[object]:
    config = tmp_path / "asked.json"
    config.write_text(json.dumps({**CONTENT, "checkpoint_minutes": 1e-9}))
    return ["train", config, "--data", data, "--output", tmp_path / "run", "--device", "cpu"]


def test_a_full_disk_keeps_the_former_state_and_the_run_resumes_later(
    tmp_path: Path, whole: Path, words: list[object], command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignn_ff.train import session

    folder, n_saved = tmp_path / "run", 0
    save = session.save_state

    def crowded(*given: object) -> None:
        nonlocal n_saved
        n_saved += 1
        with files_of_at_most(1 << 30 if n_saved <= 2 else 4096):
            save(*given)

    monkeypatch.setattr(session, "save_state", crowded)
    full = command_line(*words)
    assert full.code == 5
    assert "training_state.pt: File too large; the file that was there is untouched" in full.stderr
    assert "--resume continues from there" in full.stderr
    monkeypatch.setattr(session, "save_state", save)
    assert not list(folder.glob(".*"))
    assert command_line(*words, "--resume").code == 0
    assert_same_weights(folder, whole)


def test_no_room_for_a_model_keeps_the_former_one(
    tmp_path: Path, whole: Path, words: list[object], command_line: CommandLine
) -> None:
    folder = tmp_path / "run"
    assert command_line(*words).code == 0
    before = {path.name: path.read_bytes() for path in folder.glob("*.pt")}
    best = load_potential(folder / "best_model.pt")
    with files_of_at_most(4096):
        from alignn_ff import checkpoint
        from alignn_ff.errors import StorageError

        with pytest.raises(StorageError, match="the file that was there is untouched"):
            checkpoint.save(folder / "best_model.pt", best.header, best.model.state_dict())
    assert {path.name: path.read_bytes() for path in folder.glob("*.pt")} == before


def test_a_full_disk_for_the_graph_cache_is_an_error_and_the_same_command_resumes_later(
    tmp_path: Path, whole: Path, words: list[object], command_line: CommandLine
) -> None:
    with files_of_at_most(40_000):
        full = command_line(*words)
    assert full.code == 5
    assert "cannot write the graph cache" in full.stderr
    assert "it continues from there" in full.stderr
    assert not (tmp_path / "run" / "sample_graphs").exists()
    assert command_line(*words).code == 0
    assert_same_weights(tmp_path / "run", whole)


def test_no_room_for_the_config_ends_before_anything_is_done(
    tmp_path: Path, words: list[object], command_line: CommandLine
) -> None:
    with files_of_at_most(100):
        full = command_line(*words)
    assert full.code == 5
    assert not (tmp_path / "run" / "training_state.pt").exists()
