"""The example configs of the published reference train end to end: the first two as printed, the others completed.

Only epochs are cut, and the data are made here.
"""

import json
from pathlib import Path

import pytest

from alignn_ff import load_potential
from alignn_ff.errors import PropertyModelError
from alignn_ff.predictor import load_predictor
from alignn_ff.train import TrainingResult, train, validate_config
from tests.support.labelled_data import copper_frames
from tests.support.published_data import volumes, write_force_field_folder, write_property_folder
from tests.support.training_runs import Silent

SINGLE_OUTPUT = json.loads("""
{
  "dataset": "user_data",
  "target": "formation_energy_peratom",
  "atom_features": "cgcnn",
  "neighbor_strategy": "k-nearest",
  "cutoff": 8.0,
  "max_neighbors": 12,
  "epochs": 100,
  "batch_size": 32,
  "learning_rate": 1e-3,
  "criterion": "mse",
  "model": {
    "name": "alignn_atomwise",
    "atom_input_features": 92,
    "alignn_layers": 4,
    "gcn_layers": 4,
    "hidden_features": 256,
    "output_features": 1,
    "calculate_gradient": false,
    "graphwise_weight": 1.0,
    "gradwise_weight": 0.0,
    "stresswise_weight": 0.0,
    "use_penalty": false
  }
}
""")

FORCE_FIELD = json.loads("""
{
  "dataset": "user_data",
  "target": "target",
  "atom_features": "cgcnn",
  "neighbor_strategy": "fast_graph",
  "cutoff": 6.0,
  "max_neighbors": 12,
  "epochs": 200,
  "batch_size": 2,
  "learning_rate": 1e-3,
  "criterion": "l1",
  "model": {
    "name": "alignn_atomwise",
    "atom_input_features": 92,
    "alignn_layers": 3,
    "gcn_layers": 3,
    "hidden_features": 128,
    "output_features": 1,
    "calculate_gradient": true,
    "graphwise_weight": 0.85,
    "gradwise_weight": 0.05,
    "stresswise_weight": 0.05,
    "add_reverse_forces": true,
    "lg_on_fly": true,
    "use_penalty": true
  }
}
""")

PURE_TORCH = {
    "dataset": "user_data",
    "neighbor_strategy": "pure_torch",
    "cutoff": 6.0,
    "three_body_cutoff": 4.0,
    "max_neighbors": 12,
    "model": {"name": "alignn_atomwise_pure"},
}

CLASSIFICATION = {
    "dataset": "user_data",
    "classification_threshold": 0.01,
    "target": "is_metal",
    "criterion": "mse",
    "model": {
        "name": "alignn_atomwise",
        "classification": True,
        "graphwise_weight": 1.0,
        "gradwise_weight": 0.0,
        "calculate_gradient": False,
    },
}


def trained(content: dict, folder: Path, data: Path, epochs: int = 2) -> TrainingResult:
    cut = {**content, "epochs": epochs, "output_dir": str(folder), "data": str(data), "progress": False}
    return train(validate_config(cut), observer=Silent(), device="cpu")


def test_single_output_regression_as_printed(tmp_path: Path) -> None:
    data = write_property_folder(tmp_path / "data", [[0.1 * volume - 1.0] for volume in volumes(10)])
    result = trained(SINGLE_OUTPUT, tmp_path / "run", data)
    assert len(result.history) == 2
    (said,) = load_predictor(result.model_file, device="cpu").predict([copper_frames(1)[0]])
    assert said.values.shape == (1,)
    with pytest.raises(PropertyModelError, match="predict"):
        load_potential(result.model_file, device="cpu")


def test_force_field_as_printed(tmp_path: Path) -> None:
    data = write_force_field_folder(tmp_path / "data", 10)
    result = trained(FORCE_FIELD, tmp_path / "run", data)
    (prediction,) = load_potential(result.model_file, device="cpu").predict([copper_frames(1)[0]])
    assert prediction.forces.shape == (4, 3)
    assert prediction.stress.shape == (3, 3)
    assert set(result.metrics) == {"train", "val", "test"}
    assert "stress_MAE_GPa" in result.metrics["val"]["all"]


def test_pure_torch_force_field_completed_by_defaults(tmp_path: Path) -> None:
    data = write_force_field_folder(tmp_path / "data", 10)
    result = trained(PURE_TORCH, tmp_path / "run", data)
    header = load_potential(result.model_file, device="cpu").header
    assert (header.graph.cutoff, header.graph.three_body_cutoff) == (6.0, 4.0)
    assert header.model.name == "alignn_atomwise_pure"


def test_classification_completed_by_defaults(tmp_path: Path) -> None:
    targets = [[0.0 if k % 2 else 0.5] for k in range(10)]
    data = write_property_folder(tmp_path / "data", targets)
    result = trained(CLASSIFICATION, tmp_path / "run", data)
    (said,) = load_predictor(result.model_file, device="cpu").predict([copper_frames(1)[0]])
    assert said.probabilities.shape == (2,)
    assert said.probabilities.sum() == pytest.approx(1.0, abs=1e-5)


def test_the_family_and_its_pure_form_train_alike(tmp_path: Path) -> None:
    data = write_force_field_folder(tmp_path / "data", 10)
    small = {"alignn_layers": 2, "gcn_layers": 2, "hidden_features": 32, "stresswise_weight": 0.05}
    content = {**FORCE_FIELD, "neighbor_strategy": "pure_torch"}
    losses = [
        [row["train_total_loss"] for row in trained({**content, "model": model}, tmp_path / name, data, 3).history]
        for name in ("alignn_atomwise", "alignn_atomwise_pure")
        for model in [{**FORCE_FIELD["model"], **small, "name": name}]
    ]
    assert losses[0] == losses[1]


def test_a_vector_target_trains_several_outputs(tmp_path: Path) -> None:
    data = write_property_folder(tmp_path / "data", [[volume, 2.0 * volume, 1.0] for volume in volumes(10)])
    model = {**SINGLE_OUTPUT["model"], "alignn_layers": 1, "gcn_layers": 1, "hidden_features": 16}
    result = trained({**SINGLE_OUTPUT, "model": model}, tmp_path / "run", data)
    assert load_predictor(result.model_file, device="cpu").predict([copper_frames(1)[0]])[0].values.shape == (3,)
