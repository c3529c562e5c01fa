"""Small trainings: a config that takes seconds, an observer that prints nothing, weights read back and compared."""

from pathlib import Path

import torch

from alignn_ff.train import validate_config

SMALL = {
    "cutoff": 4.0,
    "three_body_cutoff": 3.0,
    "epochs": 4,
    "batch_size": 3,
    "learning_rate": 0.005,
    "warmup_steps": 4,
    "criterion": "huber",
    "scheduler": "cosine",
    "ema_decay": 0.9,
    "gradient_clip_norm": 10.0,
    "dtype": "float64",
    "progress": False,
    "cross_validation": {"n_folds": 4},
    "model": {
        "hidden_features": 8,
        "edge_input_features": 6,
        "triplet_input_features": 4,
        "alignn_layers": 1,
        "gcn_layers": 1,
        "gradwise_weight": 1.0,
        "stresswise_weight": 0.1,
    },
}


class Silent:
    """An observer that only counts."""

    def __init__(self):
        self.steps = 0

    def on_step(self, progress, n_steps):
        self.steps += 1

    def on_epoch(self, row):
        pass


def small_config(tmp_path: Path, **changes):
    return validate_config({**SMALL, "output_dir": str(tmp_path), **changes})


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "best_model.pt", weights_only=True)["state"]


def assert_same_weights(first: Path, second: Path):
    one, other = weights_of(first), weights_of(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
