"""Errors of a model by kind of data, for its card: labelled structures in, the groups of their ``config_type`` out."""

from pathlib import Path

from alignn_ff.train.evaluation import evaluate_file, records_for
from alignn_ff.train.metrics import summarise
from alignn_ff.zoo import KindErrors, described_kind

ALL = "all"
"""Name of the only kind of data without groups."""


def held_out_errors(model: str | Path, data: Path, *, device: str = "auto") -> tuple[KindErrors, ...]:
    """The mean absolute errors of a model on data that it was not trained on, a row per group.

    Args:
        model: zoo name, file or folder.
        data: file or folder, read as the training data of the model were.
        device: where the model runs.

    Raises:
        ModelNotFoundError, CheckpointError, DataError, ElementNotCoveredError
    """
    records = records_for(model, data)
    table = summarise(evaluate_file(model, records, device=device))
    groups = sorted({record.group for record in records})
    return tuple(
        described_kind(
            group or ALL,
            [record.atoms for record in records if record.group == group],
            {name: float(f"{error:.4g}") for name, error in table[group or ALL].items() if "_MAE_" in name},
        )
        for group in groups
    )
