"""The files of a training run: which record went where, models, predictions."""

from collections.abc import Sequence
from pathlib import Path

from numpy import float64
from numpy.typing import NDArray

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.errors import TrainingError
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.data import RunData
from alignn_ff.train.loop import Trainer
from alignn_ff.train.metrics import Comparison
from alignn_ff.train.records import Record
from alignn_ff.train.split import Split
from alignn_ff.train.state import STATE_FILE

BEST_MODEL = "best_model.pt"
CURRENT_MODEL = "current_model.pt"


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse to start on top of another run, unless told to resume or overwrite it.

    Raises:
        TrainingError: the folder holds a run.
    """
    if (folder / STATE_FILE).exists() and not (resume or overwrite):
        raise TrainingError(
            f"{folder.resolve()} already holds a training run; --resume goes on with it, --overwrite starts anew, "
            "another output_dir keeps it"
        )
    if overwrite and not resume:
        for name in (STATE_FILE, BEST_MODEL, CURRENT_MODEL):
            (folder / name).unlink(missing_ok=True)


def identifiers(records: Sequence[Record], split: Split) -> dict[str, object]:
    """Which record went where."""
    return {name: [records[i].identifier for i in indices] for name, indices in split._asdict().items()}


def loader_description(config: TrainingConfig, data: RunData) -> dict[str, object]:
    """What makes the batches of a run: ids, order, and the digest of the cache that vouches for the graphs."""
    return {
        **identifiers(data.records, data.split),
        "batch_size": config.batch_size,
        "random_seed": config.random_seed,
        "cache": None if data.cache is None else str(data.cache.folder.resolve()),
        "cache_digest": data.cache_digest,
    }


def save_model(path: Path, header: Header, trainer: Trainer) -> None:
    """Write a model file of the averaged weights, in float32."""
    provenance = header.provenance.model_copy(update={"epochs": trainer.progress.epoch})
    with trainer.average.applied_to(trainer.model):
        state = {name: tensor.detach().clone() for name, tensor in trainer.model.state_dict().items()}
    weights = {name: t.float() if name in trainer.average.weights else t for name, t in state.items()}
    checkpoint.save(path, header.model_copy(update={"provenance": provenance}), weights)


def prediction_rows(comparisons: Sequence[Comparison]) -> list[dict[str, object]]:
    """Labels beside predictions, one entry a structure, with units in the names."""
    return [
        {
            "id": item.identifier,
            "config_type": item.group,
            "n_atoms": item.n_atoms,
            "energy_eV_per_atom": _pair(item.energy),
            "forces_eV_per_A": _pair(item.forces),
            "stress_GPa": _pair(item.stress),
        }
        for item in comparisons
    ]


def _pair(values: NDArray[float64]) -> dict[str, object]:
    return {"label": values[0].tolist(), "prediction": values[1].tolist()}
