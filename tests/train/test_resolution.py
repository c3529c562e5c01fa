"""A training config is resolved once: one read of the start model; checks without model or data come first."""

import json
from pathlib import Path

import pytest

from alignn_ff.errors import ConfigError
from alignn_ff.train import resolution, resolve, resolve_file, train, train_resolved, validate_config
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.property_data import property_frames
from tests.support.training_runs import SMALL, Silent

LOOP = {**SMALL, "epochs": 1, "num_workers": 0, "use_lmdb": False}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(8))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("parent")
    result = train(validate_config({**LOOP, "output_dir": str(folder)}), observer=Silent(), data=data, device="cpu")
    assert result is not None
    return result.model_file


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every start model that is read."""
    names: list[str] = []
    load = resolution.load_start
    monkeypatch.setattr(resolution, "load_start", lambda name: names.append(name) or load(name))
    return names


def test_a_run_from_a_file_reads_its_start_model_once(
    tmp_path: Path, data: Path, parent: Path, reads: list[str]
) -> None:
    loop = {name: value for name, value in LOOP.items() if name not in ("model", "cutoff", "three_body_cutoff")}
    (tmp_path / "config.json").write_text(json.dumps(loop))
    changes = {"start_from": str(parent), "output_dir": str(tmp_path / "run")}
    resolved = resolve_file(tmp_path / "config.json", changes, data=data)
    assert resolved.config.data == str(data)
    assert resolved.config.cutoff == SMALL["cutoff"]
    assert train_resolved(resolved, observer=Silent(), device="cpu") is not None
    assert reads == [str(parent)]


def test_choices_are_checked_before_the_start_model_is_read(parent: Path, reads: list[str]) -> None:
    config = validate_config({**LOOP, "start_from": str(parent)})
    assert reads == [str(parent)]
    with pytest.raises(ConfigError, match="use_amp"):
        resolve(config.model_copy(update={"use_amp": True}))
    assert reads == [str(parent)]


def test_data_take_the_place_of_the_data_set_and_are_checked_again() -> None:
    config = validate_config({"dataset": "qm9"})
    resolved = resolve(config, data=Path("mine.extxyz")).config
    assert (resolved.dataset, resolved.data) == ("user_data", "mine.extxyz")
    assert config.dataset == "qm9"
    with pytest.raises(ConfigError, match="batch_size"):
        resolution.changed(config, batch_size=0)


def test_the_widths_of_the_outputs_are_in_the_config_that_is_written(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "p.extxyz", property_frames(8))
    model = {"name": "alignn", "alignn_layers": 1, "gcn_layers": 1, "hidden_features": 8, "embedding_features": 8}
    content = {**LOOP, "neighbor_strategy": "fast_graph", "output_dir": str(tmp_path / "run"), "model": model}
    train(validate_config(content), observer=Silent(), data=data, device="cpu")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["model"]["output_features"] == 2
