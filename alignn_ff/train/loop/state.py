"""The state of a training run: everything that an exact resume needs, written atomically.

The order of the data follows from seed and epoch, and nothing else is drawn at random after the weights
were made, so weights, moments, averages and counters are all there is.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from torch import Tensor

import alignn_ff
from alignn_ff.checkpoint.format import read_archive
from alignn_ff.errors import CheckpointError, TrainingError
from alignn_ff.io.tensors import write_tensors
from alignn_ff.nn import RepulsionEnds

STATE_FILE: Final = "training_state.pt"
FORMAT: Final = "alignn-ff training state"
VERSION: Final = 4
HEADER: Final = frozenset({"format", "version", "alignn_ff_version"})


@dataclass
class Progress:
    """Progress of a run.

    Attributes:
        epoch: epochs completed.
        batch: steps of the current epoch done.
        step: optimiser steps done.
        sums: of the losses of the current epoch.
        best_loss: lowest validation loss so far; None before the first.
        best_epoch: the epoch that gave it.
        history: one row per epoch.
        seconds: time spent on training, over all parts of the run.
        gradient_norms: of the last steps.
        skipped, skipped_in_epoch: steps that were not taken, since their gradient was too large.
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
    gradient_norms: list[float] = field(default_factory=list)
    skipped: int = 0
    skipped_in_epoch: int = 0
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class TrainingState:
    """State of a stopped run on disk.

    Attributes:
        progress: of the run.
        model: weights, name → tensor.
        average: moving average of the weights, name → tensor.
        optimizer: the optimiser's own state.
        fingerprint: config field → value and data digest, that a resumed run must share.
        kernels: name of those that it ran on; empty where the file does not hold it.
        repulsion_ends: of the model, which its weights belong to.
    """

    progress: Progress
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    fingerprint: dict[str, str]
    kernels: str = ""
    repulsion_ends: RepulsionEnds = ()


def save_state(folder: Path, state: TrainingState) -> None:
    """Write the state of a run atomically."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "alignn_ff_version": alignn_ff.__version__,
        "progress": asdict(state.progress),
        "model": state.model,
        "average": state.average,
        "optimizer": state.optimizer,
        "fingerprint": state.fingerprint,
        "kernels": state.kernels,
        "repulsion_ends": state.repulsion_ends,
    }
    write_tensors(folder / STATE_FILE, content)


def load_state(folder: Path) -> TrainingState:
    """Read the state of a run.

    Raises:
        TrainingError: there is none, it cannot be read, or a newer version wrote it.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        raise TrainingError(f"nothing to resume in {folder}: no {STATE_FILE}; start without --resume")
    try:
        content = read_archive(path)
        if not isinstance(content, dict):
            raise TypeError("it holds no table")
        content = _upgraded(content, path)
        return TrainingState(**{**content, "progress": Progress(**content["progress"])})
    except (CheckpointError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> TrainingError:
    """The error of a training state that is damaged, with what to do."""
    reason = f"the entry {error} is missing" if isinstance(error, KeyError) else str(error)
    return TrainingError(
        f"the training state {path} cannot be read: {reason}. Start again with --overwrite, or in another output_dir"
    )


def _upgraded(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """The fields of a state of any version so far, as this version writes them."""
    version = content.get("version", 1)
    if version > VERSION:
        raise TrainingError(
            f"the training state {path} was written by alignn-ff {content['alignn_ff_version']} in format {version}, "
            f"but this version reads formats up to {VERSION}: install that version to resume, or start again with "
            "--overwrite"
        )
    for step in range(version, VERSION):
        content = UPGRADES[step](content)
    return {name: value for name, value in content.items() if name not in HEADER}


def _name_the_kernels(content: dict[str, Any]) -> dict[str, Any]:
    """Format 1 had no version, and at first no name of the kernels."""
    return {"kernels": "", **content}


def _end_the_repulsion_at_the_radii(content: dict[str, Any]) -> dict[str, Any]:
    """Before format 3 the repulsion of every pair ended at the sum of its covalent radii."""
    return {**content, "repulsion_ends": ()}


def _have_no_norms(content: dict[str, Any]) -> dict[str, Any]:
    """Before format 4 every step was taken."""
    return {**content, "progress": {**content["progress"], "gradient_norms": [], "skipped": 0, "skipped_in_epoch": 0}}


UPGRADES: Final[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    1: _name_the_kernels,
    2: _end_the_repulsion_at_the_radii,
    3: _have_no_norms,
}
"""Version → what makes the next one of it."""
