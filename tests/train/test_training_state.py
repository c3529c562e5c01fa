"""Training states of version 0.1.0 resume to the same result; those of a newer version are refused with advice."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from alignn_ff.errors import TrainingError
from alignn_ff.train import load_config, train
from alignn_ff.train.loop.fingerprint import check_fingerprint
from alignn_ff.train.loop.state import STATE_FILE, VERSION, load_state
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import Silent, small_config, weights_of

OLD = Path(__file__).parents[1] / "data" / "written_by_0.1.0" / "train"


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A copy of a run of version 0.1.0, stopped after 2 of 4 epochs."""
    return Path(shutil.copytree(OLD / "run", tmp_path / "run"))


def test_a_run_stopped_by_0_1_0_resumes_to_the_end_of_the_uninterrupted_one(stopped: Path) -> None:
    config = load_config(stopped / "config.json", {"output_dir": str(stopped)})
    result = train(config, observer=Silent(), data=OLD / "cu.extxyz", device="cpu", resume=True)
    assert result is not None
    found, expected = weights_of(stopped), weights_of(OLD / "whole")
    found = {name: tensor for name, tensor in found.items() if not name.startswith("last_layer.")}
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")
    rows = json.loads((OLD / "whole" / "history.json").read_text())["rows"]
    assert len(rows) == len(result.history) == 4
    for row, again in zip(rows, result.history, strict=True):
        assert row.keys() == again.keys()
        for name in row.keys() - {"seconds"}:
            assert again[name] == pytest.approx(row[name], rel=1e-9, abs=1e-9), name
    assert torch.load(stopped / STATE_FILE, weights_only=True)["version"] == VERSION


def test_a_state_of_a_newer_version_names_it_and_what_to_do(stopped: Path) -> None:
    content = torch.load(stopped / STATE_FILE, weights_only=True)
    torch.save({**content, "version": VERSION + 1, "alignn_ff_version": "9.9"}, stopped / STATE_FILE)
    with pytest.raises(
        TrainingError, match=rf"written by alignn-ff 9\.9 in format {VERSION + 1}.*install that version"
    ):
        load_state(stopped)


def test_a_field_that_did_not_exist_yet_counts_as_its_default() -> None:
    model = {"name": "alignn_smooth", "exponent": 6}
    current = {"batch_size": "64", "model": json.dumps({**model, "use_zbl": True})}
    check_fingerprint({"batch_size": "64", "model": json.dumps(model)}, {**current, "labels": LABELS_OF_0_1_0})
    check_fingerprint({"model": json.dumps(model)}, {**current, "labels": LABELS_OF_0_1_0})
    with pytest.raises(TrainingError, match=r"batch_size: was 64, is now 65"):
        check_fingerprint({"model": json.dumps(model)}, {**current, "batch_size": "65", "labels": LABELS_OF_0_1_0})


LABELS_OF_0_1_0 = json.dumps(["energy", "forces", "stress", "target", "atomwise", "additional"])


def test_a_state_with_a_flipped_bit_or_a_missing_weight_is_refused_in_words(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "cu.extxyz", copper_frames(6))
    config = small_config(tmp_path / "out", epochs=1, data=str(data), dataset="user_data", write_predictions=False)
    train(config, observer=Silent())
    file = tmp_path / "out" / STATE_FILE
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        entry = max(archive.infolist(), key=lambda info: info.file_size)
    middle = whole.index(entry.filename.encode()) + len(entry.filename) + entry.file_size // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(TrainingError, match=r"cannot be read.*checksum"):
        train(config, observer=Silent(), resume=True)
    file.write_bytes(whole)
    content = torch.load(file, weights_only=True)
    del content["average"][next(iter(content["average"]))]
    torch.save(content, file)
    with pytest.raises(TrainingError, match=r"cannot be read: the entry .* is missing"):
        train(config, observer=Silent(), resume=True)
