"""The state of a training run: everything an exact resume needs, written atomically.

The order of the data follows from seed and epoch, and nothing else is drawn at random after the weights
were made, so weights, moments, averages and counters are all there is.
"""

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alignn_ff.errors import TrainingError
from alignn_ff.io.tensors import write_tensors

STATE_FILE = "training_state.pt"


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: epochs completed.
        batch: steps of the current epoch done.
        step: optimiser steps done.
        sums: the book of the losses of the current epoch.
        best_loss: lowest validation loss so far; None before the first.
        best_epoch: the epoch that gave it.
        history: one row an epoch.
        seconds: time spent training, over all sittings.
        outputs: of the best and of the last epoch: number, targets and predictions of the validation structures.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    sums: list[float] = field(default_factory=list)
    best_loss: float | None = None
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class TrainingState:
    """What is on disk between two sittings.

    Attributes:
        progress: where the run stands.
        model: weights, name → tensor.
        average: moving average of the weights, name → tensor.
        optimizer: the optimiser's own state.
        fingerprint: config field → value and data digest, that a resumed run must share.
        kernels: name of those that it ran on; empty where that was not written down yet.
    """

    progress: Progress
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    fingerprint: dict[str, str]
    kernels: str = ""


def save_state(folder: Path, state: TrainingState) -> None:
    """Write the state of a run atomically."""
    content = {
        "progress": asdict(state.progress),
        "model": state.model,
        "average": state.average,
        "optimizer": state.optimizer,
        "fingerprint": state.fingerprint,
        "kernels": state.kernels,
    }
    write_tensors(folder / STATE_FILE, content)


def load_state(folder: Path) -> TrainingState:
    """Read the state of a run.

    Raises:
        TrainingError: there is none, or it cannot be read.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        raise TrainingError(f"nothing to resume in {folder}: no {STATE_FILE}; start without --resume")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return TrainingState(**{**content, "progress": Progress(**content["progress"])})
    except (pickle.UnpicklingError, RuntimeError, EOFError, TypeError, KeyError) as error:
        raise TrainingError(f"the training state {path} cannot be read: {error}") from error


def check_fingerprint(saved: dict[str, str], current: dict[str, str]) -> None:
    """Refuse to resume a run with other data or another config.

    Raises:
        TrainingError: naming every field that differs.
    """
    differing = sorted(name for name in saved.keys() | current.keys() if saved.get(name) != current.get(name))
    if differing:
        pairs = [(name, saved.get(name, "absent"), current.get(name, "absent")) for name in differing]
        lines = "\n".join(f"  - {name}: was {was}, is now {now}" for name, was, now in pairs)
        raise TrainingError(
            f"--resume continues the same run, but these differ:\n{lines}\n"
            "put them back, or start a new run in another output_dir"
        )
