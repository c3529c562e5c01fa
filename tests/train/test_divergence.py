"""A training that cannot go on, or that cannot learn, says why, where and what to do; what was saved stays."""

import json
import logging
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from alignn_ff.errors import ConfigError, DataError, TrainingError
from alignn_ff.train import read_records, train, validate_config
from alignn_ff.train.config.advice import schedule_advice
from alignn_ff.train.loop.state import load_state
from alignn_ff.train.records.doubtful import zero_labels
from alignn_ff.train.trainer.trainer import Trainer
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL, Silent, small_config


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "cu.extxyz", copper_frames())


def spoil_after(monkeypatch: pytest.MonkeyPatch, n_steps: int, *, training: bool = True) -> None:
    """Make costs NaN after some steps."""
    compute = Trainer.compute

    def spoiled(trainer: Trainer, batch, *, training: bool):
        outputs, costs = compute(trainer, batch, training=training)
        return outputs, costs * (np.nan if trainer.progress.step >= n_steps and training is wanted else 1.0)

    wanted = training
    monkeypatch.setattr(Trainer, "compute", spoiled)


def test_a_loss_that_is_not_finite_names_step_and_records_and_keeps_the_last_state(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(tmp_path / "run", epochs=3)
    spoil_after(monkeypatch, 5)
    with pytest.raises(TrainingError) as caught:
        train(config, observer=Silent(), data=data, device="cpu")
    said = str(caught.value)
    steps = load_state(tmp_path / "run").progress.step
    assert 0 < steps <= 5
    assert "training was stopped at step 6 of" in said
    assert "the loss is not finite" in said
    trained = json.loads((tmp_path / "run" / "ids_train_val_test.json").read_text())["train"]
    named = said.split("The records are ")[1].split(". ")[0].split(", ")
    assert set(named) <= set(trained)
    assert len(named) <= config.batch_size
    for advice in ("smaller learning_rate", "warmup_steps", "gradient_clip_norm", "data describe", "--overwrite"):
        assert advice in said
    assert (tmp_path / "run" / "best_model.pt").is_file()
    json.loads((tmp_path / "run" / "history.json").read_text(), parse_constant=pytest.fail)


def test_a_validation_that_is_not_finite_names_its_records(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_after(monkeypatch, 1, training=False)
    with pytest.raises(TrainingError, match=r"the val_loss is not finite. The records are cu\.extxyz:\d+"):
        train(small_config(tmp_path / "run", epochs=2), observer=Silent(), data=data, device="cpu")
    assert not (tmp_path / "run" / "best_model.pt").exists()


@pytest.mark.parametrize("rate", [pytest.param(100.0, marks=pytest.mark.slow), 1e30])
def test_a_learning_rate_that_is_much_too_large_ends_with_a_message(
    tmp_path: Path, data: Path, command_line, rate: float
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, "scheduler": "none", "epochs": 30}))
    words = ("--data", data, "-o", tmp_path / "run", "--set", f"learning_rate={rate}", "--device", "cpu")
    ended = command_line("train", tmp_path / "config.json", *words)
    assert ended.code in (0, 2)
    if rate > 1e20:
        assert ended.code == 2
        assert f"smaller learning_rate (now {rate:g})" in " ".join(ended.stderr.split())


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.step

    def spoiled(trainer: Trainer, batches):
        loss = step(trainer, batches)
        with torch.no_grad():
            next(trainer.model.parameters()).fill_(np.inf)
        return loss

    monkeypatch.setattr(Trainer, "step", spoiled)
    split = {"n_val": 0, "n_test": 0, "train_ratio": None, "cross_validation": None}
    with pytest.raises(TrainingError, match="the model is not finite"):
        train(small_config(tmp_path / "run", batch_size=64, **split), observer=Silent(), data=data, device="cpu")
    assert not (tmp_path / "run" / "best_model.pt").exists()


@pytest.mark.config_field("learning_rate")
def test_a_learning_rate_beyond_the_range_of_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match="learning_rate"):
        validate_config({**SMALL, "learning_rate": 1e300})


# Starts that fail


def test_a_failed_start_leaves_no_folder_and_no_run_is_lost(tmp_path: Path, data: Path) -> None:
    with pytest.raises(DataError, match="no such structure file"):
        train(small_config(tmp_path / "new" / "run"), observer=Silent(), data=tmp_path / "none.extxyz")
    assert not (tmp_path / "new").exists()
    train(small_config(tmp_path / "run", epochs=1), observer=Silent(), data=data, device="cpu")
    with pytest.raises(DataError, match="no such structure file"):
        train(small_config(tmp_path / "run"), observer=Silent(), data=tmp_path / "none.extxyz", overwrite=True)
    assert (tmp_path / "run" / "best_model.pt").is_file()
    assert (tmp_path / "run" / "training_state.pt").is_file()


def test_a_script_that_a_worker_imports_does_not_train_again(tmp_path: Path, data: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from alignn_ff.train import train, validate_config\n"
        "from tests.support.training_runs import Silent\n"
        f"config = {{'data': {str(data)!r}, 'output_dir': {str(tmp_path / 'run')!r}}}\n"
        "train(validate_config(config), observer=Silent())\n"
    )
    with pytest.raises(TrainingError, match='if __name__ == "__main__"'):
        runpy.run_path(str(script), run_name="__mp_main__")
    assert not (tmp_path / "run").exists()


def test_a_training_without_data_says_how_to_give_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there are no data: give --data PATH"):
        train(small_config(tmp_path / "run"), observer=Silent())
    assert not (tmp_path / "run").exists()


def test_counts_above_the_data_are_named_with_what_to_change(tmp_path: Path, data: Path) -> None:
    with pytest.raises(DataError, match=r"the data has 12: lower n_train \(216\).*--set n_train=null"):
        train(small_config(tmp_path / "run", n_train=216, cross_validation=None), observer=Silent(), data=data)


# What does not fit


def test_a_schedule_that_does_not_fit_the_data_is_explained() -> None:
    config = validate_config({**SMALL, "warmup_steps": 360, "late_energy_factor": 10.0, "batch_size": 64})
    warm_up, batch, late = schedule_advice(config, n_steps=54, n_warmup=16, n_training=9)
    assert "warmup_steps is 360, but the run has 54 steps" in warm_up
    assert "Set warmup_steps to at most 16" in warm_up
    assert "batch_size is 64, but there are 9 training records" in batch
    assert "from step 33 of 54 on, late_energy_factor (10)" in late
    fitting = validate_config({**SMALL, "warmup_steps": 16, "batch_size": 4})
    assert schedule_advice(fitting, n_steps=54, n_warmup=16, n_training=9) == ()


def said_by_training(tmp_path: Path, caplog, frames, **fields: object) -> str:
    """Warnings before the first step."""
    path = write_frames(tmp_path / "spoiled.extxyz", frames)
    fields = {"n_val": 0, "n_test": 0, "train_ratio": None, "cross_validation": None, "epochs": 1, **fields}
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        train(small_config(tmp_path / "said", **fields), observer=Silent(), data=path, device="cpu", overwrite=True)
    return "\n".join(caplog.messages)


def test_labels_filled_with_zeros_are_named(tmp_path: Path, caplog) -> None:
    frames = copper_frames(6)
    for frame in frames[:2]:
        frame.calc.results["stress"] *= 0.0
    for frame in frames:
        frame.calc.results["forces"] *= 0.0
    said = said_by_training(tmp_path, caplog, frames)
    assert "the label stress is exactly zero in 2 of 6 training records (spoiled.extxyz:0, spoiled.extxyz:1)" in said
    assert "the label forces is exactly zero in 6 of 6" in said
    found = zero_labels(read_records(tmp_path / "spoiled.extxyz"))
    assert {kind: len(names) for kind, names in found.items()} == {"stress": 2, "forces": 6}


def test_one_record_and_equal_energies_are_named(tmp_path: Path, caplog) -> None:
    assert "there is one training record" in said_by_training(tmp_path, caplog, copper_frames(1))
    frames = copper_frames(4)
    for frame in frames:
        frame.calc.results["energy"] = -1.0
    assert "the energy per atom is the same in all training records" in said_by_training(tmp_path, caplog, frames)


@pytest.mark.parametrize("classification", [False, True])
def test_equal_targets_and_one_class_are_named(tmp_path: Path, caplog, classification: bool) -> None:
    frames = copper_frames(4)
    for frame in frames:
        frame.info["gap"] = 1.0
    model = {"name": "alignn", "alignn_layers": 1, "gcn_layers": 1, "hidden_features": 8}
    model |= {"classification": classification}
    said = said_by_training(tmp_path, caplog, frames, model=model, target="gap")
    assert f"the {'class' if classification else 'target'} of all training records is" in said


# What is shown


class Recorder(Silent):
    """An observer that notes in which order it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []
        self.row: dict[str, float] = {}

    def on_begin(self) -> None:
        self.called.append("begin")

    def on_start(self, row: dict[str, float]) -> None:
        self.called.append("start")
        self.row = row

    def on_step(self, progress, n_steps: int) -> None:
        self.called.append("step")


def test_fine_tuning_shows_the_errors_of_the_starting_model_first(tmp_path: Path, data: Path, caplog) -> None:
    train(small_config(tmp_path / "first", epochs=2), observer=Silent(), data=data, device="cpu")
    start = str(tmp_path / "first" / "best_model.pt")
    watched = Recorder()
    spoiled = {"learning_rate": 1.0, "scheduler": "none", "epochs": 1}
    config = small_config(tmp_path / "second", start_from=start, **spoiled)
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        result = train(config, observer=watched, data=data, device="cpu")
    assert watched.called[:3] == ["begin", "start", "step"]
    assert watched.row["val_energy_MAE_meV_per_atom"] > 0
    worse = result.history[0]["val_loss"] > watched.row["val_loss"]
    assert worse == any("larger than that of the model that it starts from" in m for m in caplog.messages)
    fresh = Recorder()
    train(small_config(tmp_path / "third", epochs=1), observer=fresh, data=data, device="cpu")
    assert "start" not in fresh.called


def test_without_a_terminal_there_is_a_line_at_the_start_and_one_per_minute(capsys, monkeypatch) -> None:
    from alignn_ff.cli import training_progress as module
    from alignn_ff.train import Progress

    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    shown = module.ProgressLines(validate_config({**SMALL, "data": "cu.extxyz", "epochs": 300, "progress": True}))
    with shown:
        shown.on_begin()
        for step in range(1, 301):
            now[0] += 1.0
            shown.on_step(Progress(epoch=step - 1, step=step, seconds=now[0]), 300)
            shown.on_epoch({"epoch": float(step), "train_total_loss": 0.5, "seconds": now[0]})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + 5 + 1
    assert lines[0].startswith("training on cu.extxyz, 300 epochs")
    assert lines[-1].startswith("epoch 300/300 · loss 0.5")
    assert all("loss 0.5" in line for line in lines[1:])
