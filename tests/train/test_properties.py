"""Property models train by the same loop: every head, every criterion, in real units after loading."""

import csv
import json
import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from alignn_ff import checkpoint, load_potential
from alignn_ff.errors import ConfigError, DataError
from alignn_ff.predictor import load_predictor
from alignn_ff.train import TrainingInterruptedError, TrainingResult, read_records, train, validate_config
from alignn_ff.train.evaluation import evaluate_file
from alignn_ff.train.metrics import errors
from tests.support.command_line import CommandLine
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.property_data import alloy_frames, property_frames, single_target_frames, two_phases, volumes
from tests.support.property_networks import LOOP, NETWORK, NO_FORCES
from tests.support.training_runs import Silent


def run(folder: Path, data: Path, model: dict[str, object], **changes: object) -> TrainingResult:
    config = validate_config({**LOOP, "output_dir": str(folder), **changes, "model": {**NETWORK, **model}})
    result = train(config, observer=Silent(), data=data, device="cpu")
    assert result is not None
    return result


def weights_of(result: TrainingResult) -> dict[str, torch.Tensor]:
    return checkpoint.read(result.model_file)[1]


@pytest.fixture(scope="module")
def properties(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "properties.extxyz", property_frames())


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "single.extxyz", single_target_frames(volumes()))


@pytest.mark.config_field("model.name", "model.output_features", "target")
@pytest.mark.parametrize(
    "model",
    [
        {"name": "alignn"},
        {"name": "alignn_atomwise", **NO_FORCES},
        {"name": "alignn_atomwise_pure", **NO_FORCES},
        {"name": "ealignn_atomwise", **NO_FORCES},
    ],
    ids=lambda model: model["name"],
)
def test_a_property_model_learns_several_outputs(tmp_path: Path, properties: Path, model: dict[str, object]) -> None:
    result = run(tmp_path, properties, model)
    assert result.history[-1]["train_total_loss"] < 0.9 * result.history[0]["train_total_loss"]
    (said,) = load_predictor(result.model_file, device="cpu", dtype="float64").predict(alloy_frames(1))
    assert said.values is not None
    assert said.values.shape == (2,)
    assert set(result.metrics) == {"train", "val", "test"}
    assert {"target_MAE", "target_RMSE"} <= result.metrics["test"]["all"].keys()


@pytest.mark.config_field(
    "model.atomwise_output_features",
    "model.additional_output_features",
    "model.atomwise_weight",
    "model.additional_output_weight",
    "atomwise_key",
    "additional_key",
)
@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)], ids=["none", "atomwise", "additional"])
def test_each_further_head_learns_only_by_its_weight(
    tmp_path: Path, properties: Path, weights: tuple[float, float]
) -> None:
    heads = {"atomwise_output_features": 1, "additional_output_features": 1}
    chosen = {"atomwise_weight": weights[0], "additional_output_weight": weights[1]}
    model = {
        "name": "alignn_atomwise",
        **NO_FORCES,
        **heads,
        **chosen,
        "graphwise_weight": 0.0 if any(weights) else 1.0,
    }
    keys = {"atomwise_key": "atomwise", "additional_key": "additional"}
    result = run(tmp_path, properties, model, **keys)
    for name, weight in zip(("atomwise", "additional"), weights, strict=True):
        first, last = (row.get(f"train_{name}_loss") for row in (result.history[0], result.history[-1]))
        assert (first is None) == (weight == 0.0)
        assert first is None or last < first
        assert f"{name}_MAE" in result.metrics["val"]["all"]


@pytest.mark.config_field("model.atomwise_weight", "model.atomwise_output_features")
def test_a_force_field_learns_charges_beside_its_forces(tmp_path: Path) -> None:
    frames = alloy_frames(8)
    for atoms in frames:
        atoms.arrays["atomwise"] = np.linalg.norm(atoms.get_forces(), axis=1)
    data = write_frames(tmp_path / "cu.extxyz", frames)
    model = {"name": "alignn_atomwise", "atomwise_output_features": 1, "atomwise_weight": 1.0}
    result = run(tmp_path / "run", data, model)
    assert result.history[-1]["train_atomwise_loss"] < result.history[0]["train_atomwise_loss"]
    assert {"energy_MAE_meV_per_atom", "force_MAE_eV_per_A", "atomwise_MAE"} <= result.metrics["val"]["all"].keys()


@pytest.mark.config_field("criterion")
@pytest.mark.parametrize("criterion", ["mse", "l1", "huber", "poisson", "zig"])
def test_every_criterion_lowers_its_loss(tmp_path: Path, criterion: str) -> None:
    values = np.where(np.arange(12) % 3 == 0, 0.0, np.round(volumes()))
    data = write_frames(tmp_path / "counts.extxyz", single_target_frames(values))
    model = {"name": "alignn", "link": "log" if criterion == "poisson" else "identity"}
    result = run(tmp_path / "run", data, model, criterion=criterion)
    assert result.history[-1]["train_total_loss"] < 0.95 * result.history[0]["train_total_loss"]


@pytest.mark.config_field("criterion", "model.zero_inflated")
def test_a_zero_inflated_model_reports_probability_times_mean(tmp_path: Path) -> None:
    values = np.where(np.arange(12) % 2 == 0, 0.0, 3.0)
    data = write_frames(tmp_path / "zeros.extxyz", single_target_frames(values))
    result = run(tmp_path / "run", data, {"name": "alignn"}, criterion="zig", epochs=2)
    loaded = checkpoint.load(result.model_file)
    assert loaded.header.model.zero_inflated
    assert weights_of(result)["readout.weight"].shape[0] == 2
    raw = torch.tensor([[0.0, 4.0], [100.0, 4.0]], dtype=torch.float64)
    torch.testing.assert_close(loaded.model.reported(raw), torch.tensor([[2.0], [4.0]], dtype=torch.float64))


@pytest.mark.config_field("classification_threshold", "model.classification")
@pytest.mark.parametrize("name", ["alignn", "alignn_atomwise", "ealignn_atomwise"])
def test_a_threshold_makes_a_classifier_that_separates_the_classes(tmp_path: Path, name: str) -> None:
    data = write_frames(tmp_path / "phases.extxyz", two_phases())
    model = {"name": name, **({} if name == "alignn" else NO_FORCES)}
    everything = {"train_ratio": 1.0, "val_ratio": 0.0, "test_ratio": 0.0, "batch_size": 4, "epochs": 25}
    result = run(tmp_path / "run", data, model, classification_threshold=1.5, **everything)
    found = result.metrics["train"]["all"]
    assert found["accuracy"] == found["ROC_AUC"] == 1.0
    said = load_predictor(result.model_file, device="cpu").predict(two_phases(2))
    assert [item.predicted_class for item in said] == [0, 1]
    assert all(item.probabilities is not None and item.probabilities.sum() == pytest.approx(1.0) for item in said)


@pytest.mark.config_field("model.num_classes")
def test_the_number_of_classes_is_that_of_the_model(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "three.extxyz", single_target_frames(np.arange(12) % 3.0))
    model = {"name": "alignn", "classification": True}
    with pytest.raises(DataError, match=r"has 2 classes.*num_classes"):
        run(tmp_path / "two", data, model)
    result = run(tmp_path / "three", data, {**model, "num_classes": 3}, epochs=2)
    said = load_predictor(result.model_file, device="cpu").predict(alloy_frames(1))
    assert said[0].probabilities is not None
    assert len(said[0].probabilities) == 3


@pytest.mark.config_field("standard_scalar_and_pca")
def test_scaled_targets_come_back_in_real_units(tmp_path: Path, properties: Path) -> None:
    plain = run(tmp_path / "plain", properties, {"name": "alignn"}, epochs=1)
    scaled = run(tmp_path / "scaled", properties, {"name": "alignn"}, epochs=1, standard_scalar_and_pca=True)
    assert scaled.metrics["train"]["all"]["target_MAE"] < 0.2 * plain.metrics["train"]["all"]["target_MAE"]
    loaded = checkpoint.load(scaled.model_file)
    labels = torch.stack([torch.from_numpy(r.target) for r in read_records(properties)[:6]])
    raw = loaded.model.scaled(labels)
    torch.testing.assert_close(raw.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(raw.T @ raw / 6, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(loaded.model.reported(raw), labels)


@pytest.mark.config_field("target_multiplication_factor")
def test_a_multiplied_target_is_what_the_model_predicts(tmp_path: Path, single: Path) -> None:
    said = []
    for factor in (1.0, 10.0):
        changes = {"target_multiplication_factor": factor, "standard_scalar_and_pca": True, "epochs": 2}
        result = run(tmp_path / str(factor), single, {"name": "alignn"}, **changes)
        (outputs,) = load_predictor(result.model_file, device="cpu").predict(alloy_frames(1))
        said.append(outputs.values[0])
    assert said[1] == pytest.approx(10.0 * said[0], rel=1e-2)


@pytest.mark.config_field("model.link")
def test_the_link_decides_the_range_of_outputs(tmp_path: Path, single: Path) -> None:
    for link, low, high in (("log", 0.0, np.inf), ("logit", 0.0, 1.0)):
        result = run(tmp_path / link, single, {"name": "alignn", "link": link}, epochs=2)
        said = load_predictor(result.model_file, device="cpu").predict(alloy_frames(4))
        assert all(low < item.values[0] < high for item in said)


@pytest.mark.config_field("model.extra_features")
def test_fingerprints_of_atoms_are_learned_from(tmp_path: Path) -> None:
    frames = two_phases()
    for atoms in frames:
        atoms.arrays["extra_features"] = np.full((len(atoms), 2), float(atoms.info["target"]))
    data = write_frames(tmp_path / "prints.extxyz", frames)
    others = [atoms.copy() for atoms in frames]
    for atoms in others:
        atoms.arrays["extra_features"] += 1.0
    for width in (0, 2):
        result = run(tmp_path / str(width), data, {"name": "alignn", "extra_features": width}, epochs=2)
        predictor = load_predictor(result.model_file, device="cpu")
        pairs = zip(predictor.predict(frames), predictor.predict(others), strict=True)
        assert all((one.values != other.values).all() == (width > 0) for one, other in pairs)


def test_statistics_of_batch_normalisation_are_those_of_the_training_set(tmp_path: Path, single: Path) -> None:
    result = run(tmp_path, single, {"name": "alignn"}, epochs=3, ema_decay=0.9)
    weights = weights_of(result)
    assert weights["network.atom_embedding.norm.num_batches_tracked"] == 2 * result.best_epoch
    assert not torch.equal(weights["network.bond_embedding.0.norm.running_mean"], torch.zeros(8, dtype=torch.float64))
    again = errors(evaluate_file(result.model_file, read_records(single)[6:9], device="cpu", dtype="float64"))
    assert again["target_MAE"] == pytest.approx(result.history[result.best_epoch - 1]["val_target_MAE"], rel=1e-5)


def test_alignn_atomwise_and_its_pure_variant_train_alike(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "alloy.extxyz", alloy_frames(9))
    histories = [
        run(tmp_path / name, data, {"name": name, "stresswise_weight": 0.05}, epochs=3, criterion="l1").history
        for name in ("alignn_atomwise", "alignn_atomwise_pure")
    ]
    for one, other in zip(*histories, strict=True):
        assert {**one, "seconds": 0.0} == {**other, "seconds": 0.0}


@pytest.mark.config_field("use_amp")
def test_bf16_changes_a_property_model_and_is_refused_where_forces_are_trained(tmp_path: Path, single: Path) -> None:
    results = [
        run(tmp_path / str(amp), single, {"name": "alignn"}, dtype="float32", use_amp=amp) for amp in (False, True)
    ]
    assert results[1].history[-1]["train_total_loss"] != results[0].history[-1]["train_total_loss"]
    assert results[1].history[-1]["train_total_loss"] < results[1].history[0]["train_total_loss"]
    assert weights_of(results[1])["readout.weight"].dtype == torch.float32
    with pytest.raises(ConfigError, match=r"use_amp.*forces.*bf16"):
        run(tmp_path / "forces", single, {"name": "alignn_atomwise"}, use_amp=True)


@pytest.mark.parametrize(
    ("model", "changes", "hint"),
    [
        ({"name": "alignn"}, {"criterion": "poisson"}, 'link "log"'),
        ({"name": "alignn", "link": "log"}, {"standard_scalar_and_pca": True}, "standard_scalar_and_pca scales"),
        ({"name": "alignn_atomwise", **NO_FORCES, "additional_output_features": 2}, {}, "additional_output_features"),
        (
            {"name": "alignn_atomwise", **NO_FORCES, "atomwise_output_features": 2, "atomwise_weight": 1.0},
            {},
            "set model.atomwise_output_features to 1",
        ),
    ],
)
def test_invalid_choices_are_errors_before_the_first_step(
    tmp_path: Path, properties: Path, model: dict[str, object], changes: dict[str, object], hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        run(tmp_path, properties, model, **changes)


@pytest.mark.config_field("write_predictions")
def test_predictions_are_written_as_csv_and_json(tmp_path: Path, single: Path) -> None:
    run(tmp_path / "with", single, {"name": "alignn"}, epochs=1)
    with (tmp_path / "with" / "prediction_results_test_set.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    told = json.loads((tmp_path / "with" / "predictions.json").read_text())["test"]
    assert [row["id"] for row in rows] == [item["id"] for item in told]
    assert [float(row["prediction"]) for row in rows] == [item["target"]["prediction"][0] for item in told]
    assert [float(row["target"]) for row in rows] == pytest.approx(volumes()[9:].tolist())
    run(tmp_path / "without", single, {"name": "alignn"}, epochs=1, write_predictions=False)
    assert not list((tmp_path / "without").glob("prediction*"))


@pytest.mark.config_field("store_outputs")
def test_the_history_keeps_the_outputs_of_its_best_and_last_epoch(tmp_path: Path, single: Path) -> None:
    result = run(tmp_path / "with", single, {"name": "alignn"}, epochs=3)
    history = json.loads((tmp_path / "with" / "history_val.json").read_text())
    assert [row["epoch"] for row in history["rows"]] == [1, 2, 3]
    assert {"loss", "target_MAE"} <= history["rows"][0].keys()
    best = history["outputs"]["best"]
    assert best["epoch"] == result.best_epoch
    difference = np.abs(np.array(best["prediction"]) - np.array(best["target"])).mean()
    assert difference == pytest.approx(history["rows"][result.best_epoch - 1]["target_MAE"])
    assert {"epoch", "total_loss", "target_loss"} <= json.loads((tmp_path / "with" / "history_train.json").read_text())[
        "rows"
    ][0].keys()
    run(tmp_path / "without", single, {"name": "alignn"}, epochs=1, store_outputs=False)
    assert "outputs" not in json.loads((tmp_path / "without" / "history_val.json").read_text())


@pytest.mark.config_field("log_tensorboard")
def test_tensorboard_sees_every_column(tmp_path: Path, single: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = run(tmp_path, single, {"name": "alignn"}, epochs=2, log_tensorboard=True)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    curve = [event.value for event in events.Scalars("val/target_MAE")]
    assert curve == pytest.approx([row["val_target_MAE"] for row in result.history], rel=1e-6)


@pytest.mark.config_field("log_tensorboard")
def test_a_missing_tensorboard_is_an_error(tmp_path: Path, single: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"alignn-ff\[tensorboard\]"):
        run(tmp_path, single, {"name": "alignn"}, epochs=1, log_tensorboard=True)


def test_a_stopped_run_with_batch_normalisation_resumes_to_the_same_weights(tmp_path: Path, single: Path) -> None:
    class Stopper(Silent):
        def on_step(self, progress, n_steps):
            super().on_step(progress, n_steps)
            if self.steps == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    content = {**LOOP, "epochs": 4, "ema_decay": 0.9, "write_checkpoint": True, "model": {"name": "alignn", **NETWORK}}
    whole, parts = (validate_config({**content, "output_dir": str(tmp_path / name)}) for name in ("whole", "parts"))
    train(whole, observer=Silent(), data=single, device="cpu")
    with pytest.raises(TrainingInterruptedError):
        train(parts, observer=Stopper(), data=single, device="cpu")
    train(parts, observer=Silent(), data=single, device="cpu", resume=True)
    one, other = (checkpoint.read(tmp_path / name / "current_model.pt")[1] for name in ("whole", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_eval_takes_targets_as_the_model_learned_them(tmp_path: Path, command_line: CommandLine) -> None:
    data = write_frames(tmp_path / "phases.extxyz", two_phases())
    result = run(tmp_path / "run", data, {"name": "alignn"}, classification_threshold=1.5, epochs=2, batch_size=4)
    told = json.loads(command_line("eval", result.folder, data, "--json").stdout)["metrics"]["all"]
    assert told["n_structures"] == 8
    assert 0.0 <= told["accuracy"] <= 1.0


def test_the_published_families_warn_of_pure_elements(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The predicted forces of a pure element vanish."""
    data = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        result = run(tmp_path / "run", data, {"name": "alignn_atomwise", "use_penalty": False}, epochs=1)
    assert "take alignn_smooth" in caplog.text.lower()
    (said,) = load_potential(result.model_file, dtype="float64").predict(copper_frames(1))
    assert np.abs(said.forces).max() < 1e-6
