"""Model files are restored bit for bit, or refused with a reason; opening one never runs its code."""

import json
import os
import pickle
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Provenance, TrainingDomain
from alignn_ff.checkpoint.format import FORMAT, VERSION
from alignn_ff.errors import CheckpointError, StorageError
from alignn_ff.models import EnergyModel
from tests.support.tiny_models import CONFIG, ELEMENTS, tiny_header, tiny_model

HEADER = tiny_header().model_copy(
    update={
        "domain": TrainingDomain(shortest_distance_A={"O-Si": 1.5}, energy_per_atom_eV=(-7.1, 0.1 + 0.2)),
        "provenance": Provenance(created="2025-01-01", training_config={"epochs": 3, "nested": {"a": [1, None]}}),
    }
)


@pytest.fixture(scope="module")
def model() -> EnergyModel:
    return tiny_model(HEADER)


@pytest.fixture
def path(tmp_path: Path, model: EnergyModel) -> Path:
    checkpoint.save(tmp_path / "model.pt", HEADER, model.state_dict())
    return tmp_path / "model.pt"


def content(model: EnergyModel, **changes: object) -> dict[str, object]:
    """Content of a model file with some entries changed."""
    whole = {"format": FORMAT, "version": VERSION, "header": HEADER.model_dump_json(), "state": model.state_dict()}
    return {**whole, **changes}


def assert_same_state(first: EnergyModel, second: EnergyModel) -> None:
    one, other = first.state_dict(), second.state_dict()
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype
        assert torch.equal(tensor, other[name]), name


def test_saved_model_comes_back_bit_by_bit(path: Path, model: EnergyModel) -> None:
    loaded = checkpoint.load(path)
    assert loaded.header == HEADER
    assert_same_state(loaded.model, model)
    assert not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())


def test_saving_what_was_loaded_changes_nothing(path: Path, tmp_path: Path) -> None:
    first = checkpoint.load(path)
    checkpoint.save(tmp_path / "again.pt", first.header, first.model.state_dict())
    second = checkpoint.load(tmp_path / "again.pt")
    assert second.header == first.header
    assert_same_state(second.model, first.model)


# writing


def test_failed_write_leaves_the_old_file_and_no_fragments(
    path: Path, model: EnergyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def disk_is_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_is_full)
    with pytest.raises(StorageError, match="No space"):
        checkpoint.save(path, HEADER, model.state_dict())
    with pytest.raises(StorageError, match="No space"):
        checkpoint.save(path.parent / "new.pt", HEADER, model.state_dict())
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_saving_makes_the_folder_and_replaces_an_older_file(tmp_path: Path, model: EnergyModel) -> None:
    target = tmp_path / "a" / "b" / "model.pt"
    checkpoint.save(target, HEADER, tiny_model(HEADER, seed=1).state_dict())
    checkpoint.save(target, HEADER, model.state_dict())
    assert_same_state(checkpoint.load(target).model, model)
    assert target.stat().st_mode & 0o777 == (tmp_path / "a").stat().st_mode & 0o666


# damage


def test_truncated_file_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in [0, 1, 30, *range(100, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="damaged or not a model file"):
            checkpoint.load(path)


def test_file_with_a_flipped_bit_is_refused_unless_the_bit_means_nothing(path: Path, model: EnergyModel) -> None:
    whole, rng, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            loaded = checkpoint.load(path)
        except CheckpointError:
            refused += 1
        else:
            assert loaded.header == HEADER
            assert_same_state(loaded.model, model)
    assert refused > 30


def test_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.pt", tmp_path):
        with pytest.raises(CheckpointError, match=f"cannot read the model file {path}"):
            checkpoint.load(path)


# foreign files


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("kind", ["torch", "torch legacy", "pickle", "in the header", "in the state"])
def test_opening_a_file_never_runs_its_code(tmp_path: Path, model: EnergyModel, kind: str) -> None:
    path, target = tmp_path / "bomb.pt", tmp_path / "exploded"
    bomb = Bomb(target)
    if kind == "torch":
        torch.save(bomb, path)
    elif kind == "torch legacy":
        torch.save(content(model, bomb=bomb), path, _use_new_zipfile_serialization=False)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(content(model, bomb=bomb)))
    else:
        torch.save(content(model, **{"header" if "header" in kind else "state": bomb}), path)
    with pytest.raises(CheckpointError, match="nothing in it was executed"):
        checkpoint.load(path)
    assert not target.exists()


def _torchscript(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/constants.pkl", b"\x80\x02).")
        archive.writestr("model/data.pkl", b"\x80\x02).")
        archive.writestr("model/version", b"3\n")


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "whole module": lambda path: torch.save(torch.nn.Linear(2, 2), path),
    "bare weights": lambda path: torch.save({"weight": torch.ones(2)}, path),
    "legacy weights": lambda path: torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False),
    "list": lambda path: torch.save([1, 2], path),
    "torchscript": _torchscript,
    "tar": _tar,
    "zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "text": lambda path: path.write_text("POSCAR\n1.0\n"),
    "other format": lambda path: torch.save({"format": "mace", "version": 1}, path),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "foreign.pt"
    FOREIGN[kind](path)
    with pytest.raises(CheckpointError, match=r"foreign\.pt is (damaged or )?not an? (alignn-ff )?model file"):
        checkpoint.load(path)


# contents that do not fit


@pytest.mark.parametrize("version", [0, -1, "1", None, 1.5])
def test_unknown_version_is_refused(tmp_path: Path, model: EnergyModel, version: object) -> None:
    torch.save(content(model, version=version), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="allowed are 1 to"):
        checkpoint.load(tmp_path / "model.pt")


def test_newer_version_asks_for_a_newer_package(tmp_path: Path, model: EnergyModel) -> None:
    torch.save(content(model, version=VERSION + 1), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="install a newer alignn-ff"):
        checkpoint.load(tmp_path / "model.pt")


@pytest.mark.parametrize("state", [None, [1], {1: 2}, {"a": 1}])
def test_state_that_is_no_table_of_weights_is_refused(tmp_path: Path, model: EnergyModel, state: object) -> None:
    torch.save(content(model, state=state), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="no table of weights"):
        checkpoint.load(tmp_path / "model.pt")


def test_weights_that_do_not_fit_their_config_are_refused(tmp_path: Path) -> None:
    wide = tiny_header(config=CONFIG.model_copy(update={"hidden_features": 16}))
    checkpoint.save(tmp_path / "model.pt", HEADER, tiny_model(wide).state_dict())
    with pytest.raises(CheckpointError, match="do not fit its own config"):
        checkpoint.load(tmp_path / "model.pt")
    checkpoint.save(tmp_path / "model.pt", HEADER, {})
    with pytest.raises(CheckpointError, match="Missing key"):
        checkpoint.load(tmp_path / "model.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, model: EnergyModel, value: float) -> None:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state["readout.0.weight"][0, 0] = value
    checkpoint.save(tmp_path / "model.pt", HEADER, state)
    with pytest.raises(CheckpointError, match=r"not finite numbers .*readout\.0\.weight"):
        checkpoint.load(tmp_path / "model.pt")


STATISTICS = json.loads(HEADER.model_dump_json())["statistics"]


@pytest.mark.parametrize(
    "change",
    [
        {"elements": [0, 8, 14]},
        {"elements": [14, 8, 1]},
        {"elements": [8, 8, 14]},
        {"elements": [1, 8, 119]},
        {"elements": []},
        {"elements": list(ELEMENTS[:2])},
        {"statistics": [*STATISTICS[:1], float("nan"), *STATISTICS[2:]]},
        {"model": {"name": "gpt"}},
        {"model": {**HEADER.model.model_dump(), "layers": 3}},
        {"graph": {"cutoff": -1.0}},
        {"surprise": 1},
    ],
    ids=str,
)
def test_header_that_makes_no_sense_is_refused(tmp_path: Path, model: EnergyModel, change: dict[str, object]) -> None:
    header = json.dumps({**json.loads(HEADER.model_dump_json()), **change})
    torch.save(content(model, header=header), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"header of .*model\.pt is not valid"):
        checkpoint.load(tmp_path / "model.pt")


@pytest.mark.parametrize("header", [None, 3, "", "{", "[]"])
def test_header_that_is_no_json_object_is_refused(tmp_path: Path, model: EnergyModel, header: object) -> None:
    torch.save(content(model, header=header), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"header of .*model\.pt is not valid"):
        checkpoint.load(tmp_path / "model.pt")
