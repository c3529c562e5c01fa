"""Errors of a model by kind of data, for its card: labelled structures in, the groups of their ``config_type`` out."""

import json
from collections.abc import Sequence
from pathlib import Path

from alignn_ff.errors import DataError
from alignn_ff.train.artifacts import IDENTIFIERS
from alignn_ff.train.evaluation import evaluate_file, records_for
from alignn_ff.train.metrics import summarise
from alignn_ff.train.records.record import Record
from alignn_ff.zoo import KindErrors, described_kind

ALL = "all"
"""Name of the only kind of data without groups."""


def held_out_errors(
    model: str | Path, data: Path, *, folds: Sequence[Path] = (), device: str = "auto"
) -> tuple[KindErrors, ...]:
    """The mean absolute errors on data that were not trained on, a row per group.

    Args:
        model: zoo name, file or folder.
        data: file or folder, read as the training data of the model were.
        folds: training outputs of the same config, each with a part of the data held out: their models predict these
            parts, since the model itself was trained on all of them. Without any, the model predicts all of the data.
        device: where the models run.

    Raises:
        ModelNotFoundError, CheckpointError, DataError, ElementNotCoveredError
    """
    records = records_for(model, data)
    parts: list[tuple[str | Path, list[Record]]] = [(fold, _validated(fold, records, data)) for fold in folds]
    parts = parts or [(model, records)]
    table = summarise([item for predictor, some in parts for item in evaluate_file(predictor, some, device=device)])
    used = [record for _, some in parts for record in some]
    return tuple(
        described_kind(
            group or ALL,
            [record.atoms for record in used if record.group == group],
            {name: float(f"{error:.4g}") for name, error in table[group or ALL].items() if "_MAE_" in name},
        )
        for group in sorted({record.group for record in used})
    )


def _validated(fold: Path, records: Sequence[Record], data: Path) -> list[Record]:
    """The records that a training has validated on.

    Raises:
        DataError: the folder is not a training output, or was trained on other data.
    """
    try:
        names = set(json.loads((fold / IDENTIFIERS).read_text(encoding="utf-8"))["val"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{fold} is not a training output: {IDENTIFIERS} cannot be read ({error})") from error
    found = [record for record in records if record.identifier in names]
    if len(found) != len(names) or not found:
        raise DataError(
            f"{fold} has validated on {len(names)} records, of which {len(found)} are in {data}; give the data that it "
            "was trained on, with a part held out"
        )
    return found
