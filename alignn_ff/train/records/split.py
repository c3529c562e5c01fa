"""Which records train, validate and test."""

import logging
import random
import sys
from collections.abc import Sequence
from typing import NamedTuple

from alignn_ff.errors import DataError
from alignn_ff.train.config import CrossValidation, TrainingConfig
from alignn_ff.train.records.record import Record, reduced_formula

log = logging.getLogger(__name__)


class Split(NamedTuple):
    """Indices of records."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]


class FoldKey(NamedTuple):
    """What the folds of a cross-validation need of a record.

    Attributes:
        stratum: value that is spread evenly over the folds; "" where there is none.
        unit: records of one unit stay in one fold; None: each record is one.
    """

    stratum: str = ""
    unit: str | None = None


def split_records(records: Sequence[Record], config: TrainingConfig) -> Split:
    """Split by fold, counts or ratios, whichever the config gives.

    Raises:
        DataError: more records are needed than there are, or none is left to train on.
    """
    if config.cross_validation is None:
        return split_keys([FoldKey()] * len(records), config)  # records in a cache need not be read
    return split_keys([fold_key(record, config) for record in records], config)


def split_keys(keys: Sequence[FoldKey], config: TrainingConfig) -> Split:
    """Split records by their keys.

    Raises:
        DataError: as :func:`split_records`.
    """
    if config.cross_validation is not None:
        split = fold_split(keys, config.cross_validation, config.random_seed)
    else:
        split = _sequential_split(len(keys), config)
    if not split.train:
        raise DataError(
            f"no record is left to train on: {len(keys)} in all, {len(split.val)} for validation, {len(split.test)} "
            "for testing; train_ratio null trains on all that is left"
        )
    return split


def fold_key(record: Record, config: TrainingConfig) -> FoldKey:
    """What the folds of this config need of a record."""
    choice = config.cross_validation
    if choice is None:
        return FoldKey()
    return FoldKey(
        "" if choice.stratify_by is None else sys.intern(_value(record, choice.stratify_by)),
        None if choice.keep_together is None else sys.intern(_value(record, choice.keep_together)),
    )


def fold_split(keys: Sequence[FoldKey], choice: CrossValidation, seed: int) -> Split:
    """Hold out one fold; each stratum is spread evenly over the folds, so every fold looks like the whole."""
    units = _units(keys)
    if len(units) < choice.n_folds:
        what = "records" if choice.keep_together is None else f"values of {choice.keep_together!r}"
        raise DataError(f"{choice.n_folds} folds need as many {what}, but there are {len(units)}; set n_folds lower")
    strata: dict[str, list[list[int]]] = {}
    for unit in units:
        strata.setdefault(keys[unit[0]].stratum, []).append(unit)
    spread: list[list[int]] = []
    for name in sorted(strata):
        random.Random(f"{seed}/{name}").shuffle(strata[name])  # noqa: S311 - not for secrets
        spread.extend(strata[name])
    held_out = {index for unit in spread[choice.fold :: choice.n_folds] for index in unit}
    return Split(tuple(i for i in range(len(keys)) if i not in held_out), tuple(sorted(held_out)), ())


def _units(keys: Sequence[FoldKey]) -> list[list[int]]:
    """Records that stay in one fold."""
    units: dict[str | int, list[int]] = {}
    for index, key in enumerate(keys):
        units.setdefault(index if key.unit is None else key.unit, []).append(index)
    return list(units.values())


def _value(record: Record, key: str) -> str:
    if key == "formula":
        return reduced_formula(record)
    return record.group if key == "config_type" else str(record.atoms.info.get(key, ""))


def _sequential_split(n_records: int, config: TrainingConfig) -> Split:
    """Training records from the front, then validation and test from the back: record by record as published."""
    n_val = int(config.val_ratio * n_records) if config.n_val is None else config.n_val
    n_test = int(config.test_ratio * n_records) if config.n_test is None else config.n_test
    n_train = _n_train(n_records, n_records - n_val - n_test, config)
    if n_train + n_val + n_test > n_records or n_train < 0:
        raise DataError(
            f"the split asks for {max(n_train, 0)} + {n_val} + {n_test} records (train, val, test), but the data has "
            f"{n_records}: lower {_counts(config)}, or take fractions, such as --set n_train=null --set n_val=null "
            "--set n_test=null --set val_ratio=0.1 --set test_ratio=0"
        )
    left_over = n_records - n_train - n_val - n_test
    if left_over:
        log.info("%d of %d records are in no split; train_ratio null would train on them", left_over, n_records)
    order = list(range(n_records))
    if not config.keep_data_order:
        random.Random(config.random_seed).shuffle(order)  # noqa: S311 - not for secrets
    first_test = n_records - n_test
    return Split(tuple(order[:n_train]), tuple(order[first_test - n_val : first_test]), tuple(order[first_test:]))


def _counts(config: TrainingConfig) -> str:
    """What the config gives of the split."""
    counts = {"n_train": config.n_train, "n_val": config.n_val, "n_test": config.n_test}
    ratios = {"train_ratio": config.train_ratio, "val_ratio": config.val_ratio, "test_ratio": config.test_ratio}
    given = {name: count for name, count in counts.items() if count is not None} or ratios
    return ", ".join(f"{name} ({value})" for name, value in given.items())


def _n_train(n_records: int, rest: int, config: TrainingConfig) -> int:
    if config.n_train is not None:
        return config.n_train
    return rest if config.train_ratio is None else int(config.train_ratio * n_records)
