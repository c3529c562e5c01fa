"""A step whose gradient is far too large is left out, counted and named; a run without one keeps every bit."""

import json
import logging
import os
import signal
from pathlib import Path

import pytest

from alignn_ff.train import train
from alignn_ff.train.interrupt import TrainingInterruptedError
from alignn_ff.train.loop.state import UPGRADES, load_state
from alignn_ff.train.trainer import skipping
from alignn_ff.train.trainer.skipping import FEWEST, WINDOW, largest_norm, with_norm
from alignn_ff.train.trainer.trainer import Trainer
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import Silent, assert_same_weights, small_config


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "cu.extxyz", copper_frames(8))


def enlarge(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Make the costs of some steps, from 0, a trillion times as large."""
    compute = Trainer.compute

    def spoiled(trainer: Trainer, batch, *, training: bool):
        outputs, costs = compute(trainer, batch, training=training)
        return outputs, costs * (1e12 if training and trainer.progress.step in steps else 1.0)

    monkeypatch.setattr(Trainer, "compute", spoiled)


def test_the_limit_is_the_smaller_of_both_and_follows_the_last_steps(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    assert config.skip_gradient_factor == 1000.0
    assert config.max_gradient_norm is None
    assert largest_norm(config, [1.0] * (FEWEST - 1)) == float("inf")
    assert largest_norm(config, [1.0] * FEWEST) == 1000.0
    assert largest_norm(config, [0.0] * FEWEST) == float("inf")
    both = small_config(tmp_path, max_gradient_norm=5.0)
    assert largest_norm(both, [1.0] * FEWEST) == 5.0
    assert largest_norm(small_config(tmp_path, skip_gradient_factor=None), [1.0] * FEWEST) == float("inf")
    norms: list[float] = []
    for norm in [1.0] * WINDOW + [1e6] * WINDOW:
        norms = with_norm(norms, norm)
    assert norms == [1e6] * WINDOW  # a lasting change ends the skipping
    assert largest_norm(config, norms) == 1e9


def test_a_run_without_large_gradients_has_the_same_bits_with_and_without_the_rule(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skipping, "FEWEST", 2)
    for name, factor in (("off", None), ("on", 1000.0)):
        config = small_config(tmp_path / name, epochs=2, skip_gradient_factor=factor)
        train(config, observer=Silent(), data=data, device="cpu")
    assert_same_weights(tmp_path / "off", tmp_path / "on")


@pytest.mark.config_field("max_gradient_norm", "skip_gradient_factor")
@pytest.mark.parametrize("choice", [{"max_gradient_norm": 1e6}, {"skip_gradient_factor": 50.0}])
def test_a_large_step_is_left_out_counted_and_named(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, caplog, choice
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(skipping, "FEWEST", 2)
    enlarge(monkeypatch, {2, 4})
    config = small_config(tmp_path / "run", epochs=3, gradient_clip_norm=None, **choice)
    result = train(config, observer=Silent(), data=data, device="cpu")
    assert [row.get("skipped_steps") for row in result.history] == [None, 1.0, 1.0]
    assert all(row["train_total_loss"] < 1e6 for row in result.history)
    named = [message for message in caplog.messages if "is left out: its gradient norm is" in message]
    assert [message.split()[1] for message in named] == ["3", "5"]
    trained = json.loads((tmp_path / "run" / "ids_train_val_test.json").read_text())["train"]
    assert set(named[0].split("The records are ")[1].split(", ")) <= set(trained)
    assert any("2 of 6 steps were left out" in message for message in caplog.messages)
    many = [message for message in caplog.messages if "cannot come back" in message]  # said while it runs
    assert [message.split(",")[0] for message in many] == [
        f"50% of the steps of epoch {epoch} were left out" for epoch in (2, 3)
    ]


def test_skipping_is_resumed_with_the_same_bits(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipping, "FEWEST", 2)
    enlarge(monkeypatch, {2})
    choice = {"epochs": 3, "skip_gradient_factor": 50.0, "checkpoint_minutes": 1e-9}
    train(small_config(tmp_path / "whole", **choice), observer=Silent(), data=data, device="cpu")
    config = small_config(tmp_path / "parts", **choice)

    class Stopping(Silent):
        def on_step(self, progress, n_steps) -> None:
            if progress.step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingInterruptedError):
        train(config, observer=Stopping(), data=data, device="cpu")
    state = load_state(tmp_path / "parts")
    assert (state.progress.skipped, state.progress.skipped_in_epoch, len(state.progress.gradient_norms)) == (1, 1, 3)
    train(config, observer=Silent(), data=data, device="cpu", resume=True)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    rows = [json.loads((tmp_path / name / "history.json").read_text())["rows"] for name in ("whole", "parts")]
    assert [{**row, "seconds": 0} for row in rows[0]] == [{**row, "seconds": 0} for row in rows[1]]


def test_states_of_earlier_versions_have_taken_every_step() -> None:
    assert UPGRADES[3]({"progress": {"step": 7}})["progress"] == {
        "step": 7,
        "gradient_norms": [],
        "skipped": 0,
        "skipped_in_epoch": 0,
    }
