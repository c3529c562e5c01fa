"""Committees: several seeds or folds in one run, on the same graphs, resumed as a whole, joined in one file."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import alignn_ff.train.run_data as run_data
from alignn_ff import load_potential
from alignn_ff.checkpoint import read
from alignn_ff.errors import ConfigError, TrainingError
from alignn_ff.train import TrainingConfig, TrainingInterruptedError, read_records, train
from tests.support.command_line import CommandLine
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL, Silent, assert_same_weights, small_config, weights_of

QUICK = {
    "epochs": 2,
    "cross_validation": None,
    "val_ratio": 0.25,
    "test_ratio": 0.25,
    "train_ratio": None,
    "kernels": "torch",
    "use_lmdb": False,
    "num_workers": 0,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(16))


def committee(folder: Path, n_members: int = 2, **changes: object) -> TrainingConfig:
    return small_config(folder, ensemble=n_members, **{**QUICK, **changes})


@pytest.mark.config_field("ensemble")
def test_a_committee_holds_the_models_of_its_seeds_and_predicts_their_mean(tmp_path: Path, data: Path) -> None:
    result = train(committee(tmp_path / "two"), observer=Silent(), data=data)
    alone = [small_config(tmp_path / f"alone-{k}", **QUICK, random_seed=123 + k) for k in range(2)]
    for k, config in enumerate(alone):
        train(config, observer=Silent(), data=data)
        assert_same_weights(tmp_path / f"alone-{k}", tmp_path / "two" / f"member-{k + 1}")
    atoms = read_records(data)[0].atoms
    members = [load_potential(tmp_path / f"alone-{k}", dtype="float64").predict_tensors([atoms])[0] for k in range(2)]
    mean = load_potential(tmp_path / "two", dtype="float64").predict_tensors([atoms])[0]
    assert float(mean.energy) == pytest.approx(np.mean([float(m.energy) for m in members]), rel=1e-12)
    assert mean.spread is not None
    assert result is not None
    assert result.model_file == tmp_path / "two" / "best_model.pt"
    summary = json.loads((tmp_path / "two" / "committee.json").read_text())
    assert summary["mean"]["val"]["all"] == result.metrics["val"]["all"]
    assert [row["folder"] for row in summary["members"]] == ["member-1", "member-2"]
    assert {"committee energy", "committee forces", "last_layer energy"} <= summary["uncertainty"]["figures"].keys()


@pytest.mark.parametrize(("use_lmdb", "n_graphs"), [(False, 12), (True, 16)])
def test_the_graphs_of_a_committee_are_built_once(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, use_lmdb: bool, n_graphs: int
) -> None:
    built = []

    def counting(record: object, *further: object, **named: object) -> object:
        built.append(record)
        return original(record, *further, **named)

    original: Callable[..., object] = run_data.build_sample
    monkeypatch.setattr(run_data, "build_sample", counting)
    folds = {"cross_validation": {"n_folds": 4}} if use_lmdb else {}
    train(committee(tmp_path, 3, epochs=1, use_lmdb=use_lmdb, **folds), observer=Silent(), data=data)
    assert len(built) == n_graphs  # a cache holds all records; in memory are those that train and validate


def test_members_with_folds_share_one_that_none_is_trained_on(tmp_path: Path, data: Path) -> None:
    config = committee(tmp_path, 3, epochs=1, cross_validation={"n_folds": 4}, val_ratio=0.1, test_ratio=0.1)
    result = train(config, observer=Silent(), data=data)
    splits = [json.loads((tmp_path / f"member-{k}" / "ids_train_val_test.json").read_text()) for k in (1, 2, 3)]
    shared = json.loads((tmp_path / "ids_train_val_test.json").read_text())
    assert all(split["test"] == shared["test"] and len(shared["test"]) == 4 for split in splits)
    assert all(set(shared["test"]).isdisjoint({*split["train"], *split["val"]}) for split in splits)
    assert len({tuple(split["val"]) for split in splits}) == 3
    assert all(len(split["train"]) == 8 for split in splits)
    assert result is not None
    assert set(result.metrics) == {"test"}


class Stopper(Silent):
    """Ends the run after some steps."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def on_step(self, progress: object, n_steps: int) -> None:
        super().on_step(progress, n_steps)
        if self.steps == self.after:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("use_lmdb", [False, True])
def test_a_committee_that_was_stopped_in_its_second_member_resumes_to_the_same_bits(
    tmp_path: Path, data: Path, use_lmdb: bool
) -> None:
    train(committee(tmp_path / "whole", use_lmdb=use_lmdb), observer=Silent(), data=data)
    parts = committee(tmp_path / "parts", use_lmdb=use_lmdb)
    with pytest.raises(TrainingInterruptedError, match="member-2"):
        train(parts, observer=Stopper(8), data=data)
    train(parts, observer=Silent(), data=data, resume=True)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    headers = [read(tmp_path / name / "best_model.pt")[0] for name in ("whole", "parts")]
    assert headers[0].uncertainty == headers[1].uncertainty


def test_a_committee_and_a_run_of_one_model_do_not_mix(tmp_path: Path, data: Path) -> None:
    train(committee(tmp_path / "two", epochs=1), observer=Silent(), data=data)
    train(small_config(tmp_path / "one", **{**QUICK, "epochs": 1}), observer=Silent(), data=data)
    with pytest.raises(TrainingError, match="already holds a training run"):
        train(committee(tmp_path / "two", epochs=1), observer=Silent(), data=data)
    with pytest.raises(TrainingError, match="of a committee, and this is one of one model"):
        train(small_config(tmp_path / "two", **QUICK), observer=Silent(), data=data, resume=True)
    with pytest.raises(TrainingError, match="of one model, and this is one of a committee"):
        train(committee(tmp_path / "one"), observer=Silent(), data=data, resume=True)


def test_each_member_of_a_fine_tuned_committee_starts_from_its_own(tmp_path: Path, data: Path) -> None:
    train(committee(tmp_path / "two", epochs=1), observer=Silent(), data=data)
    path = str(tmp_path / "two" / "best_model.pt")
    still = {**QUICK, "epochs": 1, "learning_rate": 1e-30, "ema_decay": 0.0, "start_from": path}
    tuned = train(committee(tmp_path / "tuned", **still), observer=Silent(), data=data)
    assert tuned is not None
    before, after = weights_of(tmp_path / "two"), weights_of(tmp_path / "tuned")
    same = [name for name in before if "reference" not in name and "last_layer" not in name]
    assert all(torch.allclose(before[name], after[name], rtol=1e-12, atol=1e-12) for name in same)
    with pytest.raises(ConfigError, match="committee of 2 models"):
        train(committee(tmp_path / "other", 3, start_from=path), observer=Silent(), data=data)


def test_properties_and_two_folds_make_no_committee(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs 3"):
        committee(tmp_path, cross_validation={"n_folds": 2})
    with pytest.raises(ConfigError, match="predicts a property"):
        committee(tmp_path, model={"name": "alignn"})


def test_the_command_trains_a_committee_and_tells_its_errors(
    tmp_path: Path, data: Path, command_line: CommandLine
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, **QUICK, "epochs": 1}))
    words = ("train", tmp_path / "config.json", "--data", data, "--output", tmp_path / "run", "--no-check")
    result = command_line(*words, "--committee", 2)
    assert result.code == 0, result.stderr
    assert "mean of 2 models" in result.stdout
    assert "member 2" in result.stdout
    assert (tmp_path / "run" / "member-1" / "learning_curve.png").exists()
    potential = load_potential(tmp_path / "run")
    assert potential.n_members == 2
