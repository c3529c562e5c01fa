"""What a resumed run must share with the stopped one: config fields, data, start, kinds of labels."""

import json
from collections.abc import Mapping
from typing import Any, Final

from alignn_ff.errors import TrainingError
from alignn_ff.models import FAMILIES
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.labels import LABELS

FREE_TO_CHANGE: Final = frozenset(
    {
        "data",
        "output_dir",
        "progress",
        "resume_checkpoint",
        "gpu_memory_fraction",
        "version",
        "log_tensorboard",
        "checkpoint_minutes",
        "write_predictions",
        "use_lmdb",
        "read_existing",
        "filename",
        "save_dataloader",
        "num_workers",
        "pin_memory",
        "resident_data",
        "record_steps",
        "distributed",
        "data_parallel",
        "last_layer_uncertainty",
    }
)
"""Fields that a resumed run may change; ``epochs`` too, where ``lr_total_epochs`` holds the schedule."""

FIRST_LABELS: Final = ("energy", "forces", "stress", "target", "atomwise", "additional")
"""Kinds of labels of states that do not list them."""


def fingerprint_of(
    config: TrainingConfig, data_digest: str, replay_digest: str, started_from: Mapping[str, object]
) -> dict[str, str]:
    """Name → value as JSON, or digest.

    Args:
        config: of the run.
        data_digest, replay_digest: of the records, and of those that are replayed.
        started_from: provenance of the start model; empty without one.
    """
    free = FREE_TO_CHANGE | ({"epochs"} if config.lr_total_epochs is not None else set())
    fields = config.model_dump(mode="json", exclude=set(free))
    pasts = {"replay": replay_digest, "start": json.dumps(started_from), "labels": json.dumps(list(LABELS))}
    return {**{name: json.dumps(value) for name, value in fields.items()}, "data": data_digest, **pasts}


def check_fingerprint(saved: dict[str, str], current: dict[str, str]) -> None:
    """Refuse to resume a run with other data or another config.

    Fields that did not exist yet when the state was written count as their defaults.

    Raises:
        TrainingError: naming every field that differs.
    """
    saved = _completed(saved, current)
    differing = sorted(name for name in saved.keys() | current.keys() if saved.get(name) != current.get(name))
    if differing:
        pairs = [(name, saved.get(name, "absent"), current.get(name, "absent")) for name in differing]
        lines = "\n".join(f"  - {name}: was {was}, is now {now}" for name, was, now in pairs)
        raise TrainingError(
            f"--resume continues the same run, but these differ:\n{lines}\n"
            "put them back, or start a new run in another output_dir"
        )


def _completed(saved: dict[str, str], current: dict[str, str]) -> dict[str, str]:
    """A saved fingerprint with the defaults of fields that it lacks, written in the order of the current one."""
    defaults = {name: field.get_default() for name, field in TrainingConfig.model_fields.items() if name != "model"}
    known = {name: json.dumps(value) for name, value in defaults.items() if name in current}
    filled = {**known, "labels": json.dumps(list(FIRST_LABELS)), **saved}
    if "model" in saved and "model" in current:
        filled["model"] = _completed_model(saved["model"], current["model"])
    return filled


def _completed_model(saved: str, current: str) -> str:
    was: dict[str, Any] = json.loads(saved)
    now: dict[str, Any] = json.loads(current)
    fields = FAMILIES[was["name"]].config.model_fields
    full = {name: was.get(name, fields[name].get_default()) for name in now if name in fields}
    return json.dumps(full | {name: value for name, value in was.items() if name not in full})
