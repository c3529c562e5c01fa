"""The files of a training run: which record went where, models, histories, predictions."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from numpy import float64
from numpy.typing import NDArray

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.errors import TrainingError
from alignn_ff.io import atomic_write, write_json
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.labels import LABELS
from alignn_ff.train.loop.state import STATE_FILE
from alignn_ff.train.metrics import Comparison
from alignn_ff.train.run_data import RunData
from alignn_ff.train.trainer.trainer import Trainer

BEST_MODEL = "best_model.pt"
CURRENT_MODEL = "current_model.pt"
IDENTIFIERS = "ids_train_val_test.json"


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse to start on top of another run, unless it is resumed or overwritten.

    Raises:
        TrainingError: the folder holds a run.
    """
    if (folder / STATE_FILE).exists() and not (resume or overwrite):
        raise TrainingError(
            f"{folder.resolve()} already holds a training run; --resume continues it, --overwrite starts anew, "
            "another output_dir keeps it"
        )


def remove_old_run(folder: Path) -> None:
    """Remove what another run would read of an earlier one, when nothing can prevent its start any more."""
    for name in (STATE_FILE, BEST_MODEL, CURRENT_MODEL):
        (folder / name).unlink(missing_ok=True)


def loader_description(config: TrainingConfig, data: RunData) -> dict[str, object]:
    """What decides the batches of a run: ids, order, and the digest of the cache."""
    return {
        **data.identifiers(),
        "batch_size": config.batch_size,
        "random_seed": config.random_seed,
        "cache": None if data.cache is None else str(data.cache.folder.resolve()),
        "cache_digest": data.cache_digest,
    }


def save_model(path: Path, header: Header, trainer: Trainer) -> None:
    """Write a model file of the averaged weights, in the precision that they were trained in."""
    provenance = header.provenance.model_copy(update={"epochs": trainer.progress.epoch})
    with trainer.average.applied_to(trainer.model):
        state = {name: tensor.detach().clone() for name, tensor in trainer.model.state_dict().items()}
    checkpoint.save(path, header.model_copy(update={"provenance": provenance}), state)


def write_histories(folder: Path, trainer: Trainer) -> None:
    """One row per epoch: all columns, and those of training and validation in files of their own."""
    rows = trainer.progress.history
    write_json(folder / "history.json", {"rows": rows})
    for split in ("train", "val"):
        own = [
            {name.removeprefix(f"{split}_"): value for name, value in row.items() if name == "epoch" or split in name}
            for row in rows
        ]
        outputs = {"outputs": trainer.progress.outputs} if split == "val" and trainer.progress.outputs else {}
        write_json(folder / f"history_{split}.json", {"rows": own, **outputs})


def prediction_row(item: Comparison) -> dict[str, object]:
    """Labels beside predictions of one structure, with units in the names."""
    return {
        "id": item.identifier,
        "config_type": item.group,
        "n_atoms": item.n_atoms,
        **{LABELS[kind].title: _pair(kind, pair) for kind, pair in item.pairs.items()},
        **({"probabilities": item.probabilities.tolist()} if item.probabilities.size else {}),
    }


def write_predictions(folder: Path, comparisons: Mapping[str, Sequence[Comparison]]) -> None:
    """All predictions as JSON, and those of structures as CSV, one file per split, named as published."""
    with atomic_write(folder / "predictions.json") as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_json_lines(comparisons))
    for split, items in comparisons.items():
        with atomic_write(folder / f"prediction_results_{split}_set.csv") as temporary:
            temporary.write_text(_csv(items), encoding="utf-8")


def _json_lines(comparisons: Mapping[str, Sequence[Comparison]]) -> Iterator[str]:
    """A JSON object, split → rows, one line per structure, made line by line."""
    yield "{"
    for place, (split, items) in enumerate(comparisons.items()):
        yield f"{',' if place else ''}\n{json.dumps(split)}: ["
        for row, item in enumerate(items):
            yield f"{',' if row else ''}\n{json.dumps(prediction_row(item), allow_nan=False)}"
        yield "\n]"
    yield "\n}\n"


def _csv(comparisons: Sequence[Comparison]) -> str:
    """Columns id, target, prediction (energy per atom of a force field), then further outputs; a row per structure."""
    text = io.StringIO()
    rows = [{"id": item.identifier, **_graph_level(item)} for item in comparisons]
    columns = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _graph_level(item: Comparison) -> dict[str, object]:
    columns: dict[str, object] = {}
    main = item.pairs.get("target", item.pair("energy"))
    for prefix, pairs in (("", main), ("additional_", item.pair("additional"))):
        for k, (label, prediction) in enumerate(pairs.T):
            suffix = f"_{k}" if pairs.shape[1] > 1 else ""
            columns |= {f"{prefix}target{suffix}": float(label), f"{prefix}prediction{suffix}": float(prediction)}
    return columns | {f"probability_{k}": float(p) for k, p in enumerate(item.probabilities)}


def _pair(name: str, values: NDArray[float64]) -> dict[str, object]:
    label, prediction = values[:, 0].tolist() if name == "energy" else values.tolist()
    return {"label": label, "prediction": prediction}
