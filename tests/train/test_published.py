"""Training of the published families: a run writes a model that loads and keeps their switches."""

import logging
from pathlib import Path

import pytest
from ase.build import bulk
from numpy.testing import assert_allclose

from alignn_ff.potential import load_potential
from alignn_ff.train import train, validate_config
from alignn_ff.train.preparation import warn_of_equal_elements
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL, Silent

MODEL = {
    "alignn_layers": 1,
    "gcn_layers": 1,
    "hidden_features": 8,
    "embedding_features": 8,
    "edge_input_features": 12,
    "triplet_input_features": 6,
    "stresswise_weight": 0.1,
}


def config_of(tmp_path: Path, name: str, **model: object):
    content = {**SMALL, "epochs": 2, "output_dir": str(tmp_path / "run"), "neighbor_strategy": "fast_graph"}
    return validate_config({**content, "model": {"name": name, **MODEL, **model}})


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("alignn_atomwise", {}),
        ("alignn_atomwise", {"grad_multiplier": 1, "lg_on_fly": False, "batch_stress": False}),
        ("alignn_atomwise_pure", {"use_zbl": True}),
        ("ealignn_atomwise", {}),
    ],
    ids=str,
)
def test_published_family_trains_and_loads(tmp_path: Path, name: str, switches: dict[str, object]) -> None:
    data = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    result = train(config_of(tmp_path, name, **switches), observer=Silent(), data=data, device="cpu")
    potential = load_potential(result.model_file, device="cpu", dtype="float64")
    assert potential.header.model.name == name
    (prediction,) = potential.predict_tensors([bulk("Cu")])
    assert_allclose(prediction.forces, 0.0, atol=1e-9)


def test_elements_that_look_alike_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        warn_of_equal_elements(config_of(tmp_path, "alignn_atomwise"), (14, 57, 58))
    assert "are the same for La and Ce" in caplog.text
