"""Training runs: they learn, are reproducible, resume exactly, and write files atomically."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from ase import Atoms

from alignn_ff import load_potential
from alignn_ff.checkpoint import read, save
from alignn_ff.errors import ConfigError, StorageError, TrainingError
from alignn_ff.train import compare, errors, read_records, train
from alignn_ff.train.interrupt import TrainingInterruptedError
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.training_runs import SMALL, Silent, assert_same_weights, small_config, weights_of


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(12))


def test_training_lowers_the_errors_and_writes_all_documented_files(tmp_path, data):
    result = train(small_config(tmp_path, epochs=30, learning_rate=0.03), observer=Silent(), data=data)
    first, last = result.history[0], result.history[-1]
    assert last["val_force_MAE_eV_per_A"] < 0.5 * first["val_force_MAE_eV_per_A"]
    assert last["val_energy_MAE_meV_per_atom"] < first["val_energy_MAE_meV_per_atom"]
    written = {path.name for path in tmp_path.iterdir()}
    assert {
        "config.json",
        "ids_train_val_test.json",
        "history.json",
        "current_model.pt",
        "best_model.pt",
        "training_state.pt",
        "metrics.json",
        "predictions.json",
    } <= written
    assert not [name for name in written if name.startswith(".")]


def test_reported_metrics_are_those_of_the_best_model_read_back(tmp_path, data):
    result = train(small_config(tmp_path), observer=Silent(), data=data)
    records = read_records(data)
    held_out = json.loads((tmp_path / "ids_train_val_test.json").read_text())["val"]
    potential = load_potential(tmp_path, dtype="float64")
    again = errors(compare(potential, [record for record in records if record.identifier in held_out]))
    assert again["force_MAE_eV_per_A"] == pytest.approx(result.metrics["val"]["all"]["force_MAE_eV_per_A"], rel=1e-9)
    best = result.history[result.best_epoch - 1]
    assert best["val_loss"] == min(row["val_loss"] for row in result.history)
    assert again["energy_MAE_meV_per_atom"] == pytest.approx(best["val_energy_MAE_meV_per_atom"], rel=1e-4)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path, data):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(small_config(tmp_path / name, random_seed=seed, epochs=2), observer=Silent(), data=data)
    assert_same_weights(tmp_path / "a", tmp_path / "b")
    assert not all(torch.equal(x, weights_of(tmp_path / "c")[n]) for n, x in weights_of(tmp_path / "a").items())


def test_training_does_not_change_the_global_random_state(tmp_path, data):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train(small_config(tmp_path, epochs=1), observer=Silent(), data=data)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("kernels", ["torch", pytest.param("native", marks=pytest.mark.slow)])
def test_a_run_stopped_at_any_step_resumes_to_the_same_weights(tmp_path, data, kernels):
    train(small_config(tmp_path / "whole", kernels=kernels), observer=Silent(), data=data)

    class Stopper(Silent):
        def __init__(self, after):
            super().__init__()
            self.after = after

        def on_step(self, progress, n_steps):
            super().on_step(progress, n_steps)
            if self.steps == self.after:
                os.kill(os.getpid(), signal.SIGTERM)

    config = small_config(tmp_path / "parts", kernels=kernels)
    for after in (2, 4, 3):
        with pytest.raises(TrainingInterruptedError, match="--resume"):
            train(config, observer=Stopper(after), data=data, resume=after != 2)
    train(config, observer=Silent(), data=data, resume=True)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    rows = json.loads((tmp_path / "parts" / "history.json").read_text())["rows"]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_resumes_to_the_same_weights(tmp_path, data):
    config = {**SMALL, "epochs": 12, "checkpoint_minutes": 0.001}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))

    def command(folder: str, *more: str) -> list[str]:
        program = [sys.executable, "-c", "from alignn_ff.cli import main; main()", "train", str(path)]
        return [*program, "--data", str(data), "--output", str(tmp_path / folder), *more]

    subprocess.run(command("whole"), check=True, capture_output=True)
    moments = random.Random(3)
    kills = 0
    for _ in range(40):
        started = (tmp_path / "parts" / "training_state.pt").exists()
        process = subprocess.Popen(
            command("parts", *(["--resume"] if started else ["--overwrite"])),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=moments.uniform(2.5, 6.0) if kills < 6 else 300)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            for model in (tmp_path / "parts").glob("*_model.pt"):
                load_potential(model)
            continue
        assert process.returncode == 0
        break
    assert kills >= 3
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


def test_resume_refuses_another_config_and_other_data(tmp_path, data):
    train(small_config(tmp_path, epochs=1), observer=Silent(), data=data)
    with pytest.raises(TrainingError, match="learning_rate"):
        train(small_config(tmp_path, epochs=1, learning_rate=0.1), observer=Silent(), data=data, resume=True)
    other = write_frames(tmp_path / "other.extxyz", copper_frames(8))
    with pytest.raises(TrainingError, match="data"):
        train(small_config(tmp_path, epochs=1), observer=Silent(), data=other, resume=True)


def test_resume_warns_of_other_kernels_only(tmp_path, data, monkeypatch, caplog, kernels):
    monkeypatch.setattr("alignn_ff.train.kernels.FEWEST_STEPS", 1)
    config = small_config(tmp_path, epochs=1, lr_total_epochs=3)
    train(config, observer=Silent(), data=data)
    train(config.model_copy(update={"epochs": 2}), observer=Silent(), data=data, resume=True)
    assert "kernels" not in caplog.text
    monkeypatch.setattr("alignn_ff.native.build.find_compiler", lambda: None)
    train(config.model_copy(update={"epochs": 3}), observer=Silent(), data=data, resume=True)
    assert "has used the kernels 'native' so far and continues with 'torch'" in caplog.text


def test_a_model_trained_in_float64_is_kept_in_float64(tmp_path, data):
    train(small_config(tmp_path, epochs=1, dtype="float64"), observer=Silent(), data=data)
    _, weights = read(tmp_path / "best_model.pt")
    model = load_potential(tmp_path / "best_model.pt", dtype="float64", device="cpu").model
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert any(not torch.equal(p, p.float().double()) for p in model.parameters())
    train(small_config(tmp_path / "single", epochs=1, dtype="float32"), observer=Silent(), data=data)
    _, single = read(tmp_path / "single" / "best_model.pt")
    assert all(single[name].dtype == torch.float32 for name, _ in model.named_parameters())


def test_a_folder_with_a_run_is_not_overwritten_by_accident(tmp_path, data):
    train(small_config(tmp_path, epochs=1), observer=Silent(), data=data)
    with pytest.raises(TrainingError, match="--resume continues"):
        train(small_config(tmp_path, epochs=1), observer=Silent(), data=data)
    train(small_config(tmp_path, epochs=1), observer=Silent(), data=data, overwrite=True)
    with pytest.raises(TrainingError, match="nothing to resume"):
        train(small_config(tmp_path / "new"), observer=Silent(), data=data, resume=True)


@pytest.mark.config_field("n_early_stopping")
def test_early_stopping_ends_a_run_that_no_longer_improves(tmp_path, data):
    config = small_config(tmp_path, epochs=50, learning_rate=1e-30, scheduler="none", n_early_stopping=3, ema_decay=0.0)
    result = train(config, observer=Silent(), data=data)
    assert len(result.history) < 50


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "learning_rate": 1e-4},
        {"scheduler": "onecycle"},
        {"criterion": "l1"},
        {"criterion": "mse"},
        {"ema_decay": 0.0},
    ],
)
def test_every_choice_of_the_loop_trains(tmp_path, data, changes):
    result = train(small_config(tmp_path, epochs=6, **changes), observer=Silent(), data=data)
    assert result.history[-1]["train_total_loss"] < result.history[0]["train_total_loss"]


@pytest.mark.config_field("reference_energies")
def test_isolated_atom_references_make_free_atoms_exact(tmp_path):
    data = write_frames(tmp_path / "co.extxyz", molecule_frames(8))
    model = {**SMALL["model"], "stresswise_weight": 0.0}
    config = small_config(
        tmp_path / "run",
        epochs=2,
        model=model,
        cutoff=5.0,
        reference_energies={"C": -3.0, "O": -5.0},
        cross_validation=None,
    )
    train(config, observer=Silent(), data=data)
    potential = load_potential(tmp_path / "run", dtype="float64")
    energies = [float(p.energy[0]) for p in potential.predict_tensors([Atoms("C"), Atoms("O")])]
    assert energies == pytest.approx([-3.0, -5.0], abs=1e-12)


def test_a_weight_on_labels_that_are_not_there_is_an_error(tmp_path):
    data = write_frames(tmp_path / "co.extxyz", molecule_frames(8))
    with pytest.raises(ConfigError, match="stresswise_weight"):
        train(small_config(tmp_path / "run"), observer=Silent(), data=data)


def test_training_without_validation_keeps_the_last_model(tmp_path, data):
    config = small_config(tmp_path, epochs=3, cross_validation=None, train_ratio=1.0, val_ratio=0.0, test_ratio=0.0)
    result = train(config, observer=Silent(), data=data)
    assert result.best_epoch == 3
    assert set(result.metrics) == {"train"}


def test_a_failing_write_leaves_the_former_state_whole(tmp_path, data, monkeypatch):
    train(small_config(tmp_path, epochs=1), observer=Silent(), data=data)
    before = (tmp_path / "best_model.pt").read_bytes()
    header, state = read(tmp_path / "best_model.pt")

    def full_disk(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StorageError, match=r"No space left on device; the file that was there is untouched"):
        save(tmp_path / "best_model.pt", header, state)
    assert (tmp_path / "best_model.pt").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_progress_counts_time_over_all_sittings(tmp_path, data):
    started = time.monotonic()
    result = train(small_config(tmp_path, epochs=2), observer=Silent(), data=data)
    assert 0 < result.history[-1]["seconds"] <= time.monotonic() - started
