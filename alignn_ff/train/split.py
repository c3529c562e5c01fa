"""Which records train, validate and test."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from alignn_ff.errors import DataError
from alignn_ff.log import get_logger
from alignn_ff.train.config import CrossValidation, TrainingConfig
from alignn_ff.train.records import Record, reduced_formula

log = get_logger("train")


class Split(NamedTuple):
    """Indices of records."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]


def split_records(records: Sequence[Record], config: TrainingConfig) -> Split:
    """Split by fold, counts or ratios, whichever the config gives.

    Raises:
        DataError: more records asked for than there are, or none left to train on.
    """
    if config.cross_validation is not None:
        split = fold_split(records, config.cross_validation, config.random_seed)
    else:
        split = _sequential_split(len(records), config)
    if not split.train:
        raise DataError(
            f"no record is left to train on: {len(records)} in all, {len(split.val)} for validation, {len(split.test)} "
            "for testing; train_ratio null trains on all that is left"
        )
    return split


def fold_split(records: Sequence[Record], choice: CrossValidation, seed: int) -> Split:
    """Hold out one fold; each group is spread evenly over the folds, so every fold looks like the whole."""
    units = _units(records, choice.keep_together)
    if len(units) < choice.n_folds:
        what = "records" if choice.keep_together is None else f"values of {choice.keep_together!r}"
        raise DataError(f"{choice.n_folds} folds need as many {what}, but there are {len(units)}")
    groups: dict[str, list[list[int]]] = {}
    for unit in units:
        key = "" if choice.stratify_by is None else _value(records[unit[0]], choice.stratify_by)
        groups.setdefault(key, []).append(unit)
    dealt: list[list[int]] = []
    for name in sorted(groups):
        random.Random(f"{seed}/{name}").shuffle(groups[name])  # noqa: S311 - not for secrets
        dealt.extend(groups[name])
    held_out = {index for unit in dealt[choice.fold :: choice.n_folds] for index in unit}
    everyone = range(len(records))
    return Split(tuple(i for i in everyone if i not in held_out), tuple(sorted(held_out)), ())


def _units(records: Sequence[Record], keep_together: str | None) -> list[list[int]]:
    """Records that stay in one fold."""
    if keep_together is None:
        return [[index] for index in range(len(records))]
    units: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        units.setdefault(_value(record, keep_together), []).append(index)
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
            f"the split asks for {max(n_train, 0)} + {n_val} + {n_test} records (train, val, test), "
            f"but the data has {n_records}"
        )
    left_over = n_records - n_train - n_val - n_test
    if left_over:
        log.info("%d of %d records are in no split; train_ratio null would train on them", left_over, n_records)
    order = list(range(n_records))
    if not config.keep_data_order:
        random.Random(config.random_seed).shuffle(order)  # noqa: S311 - not for secrets
    first_test = n_records - n_test
    return Split(tuple(order[:n_train]), tuple(order[first_test - n_val : first_test]), tuple(order[first_test:]))


def _n_train(n_records: int, rest: int, config: TrainingConfig) -> int:
    if config.n_train is not None:
        return config.n_train
    return rest if config.train_ratio is None else int(config.train_ratio * n_records)
