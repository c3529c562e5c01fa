"""Which records train, validate and test."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from alignn_ff.errors import DataError
from alignn_ff.log import get_logger
from alignn_ff.train.config import CrossValidation, TrainingConfig
from alignn_ff.train.records import Record

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
    if config.cross_validation is None:
        return split_groups([""] * len(records), config)
    return split_groups([group_of(record, config) for record in records], config)


def split_groups(groups: Sequence[str], config: TrainingConfig) -> Split:
    """Split records of which nothing is known but their groups.

    Raises:
        DataError: as :func:`split_records`.
    """
    if config.cross_validation is not None:
        split = fold_split(groups, config.cross_validation, config.random_seed)
    else:
        split = _sequential_split(len(groups), config)
    if not split.train:
        raise DataError(
            f"no record is left to train on: {len(groups)} in all, {len(split.val)} for validation, {len(split.test)} "
            "for testing; train_ratio null trains on all that is left"
        )
    return split


def group_of(record: Record, config: TrainingConfig) -> str:
    """What the folds of a cross-validation are balanced in; "" where they are not."""
    key = None if config.cross_validation is None else config.cross_validation.stratify_by
    return "" if key is None else _group(record, key)


def fold_split(groups_of: Sequence[str], choice: CrossValidation, seed: int) -> Split:
    """Hold out one fold; each group is spread evenly over the folds, so every fold looks like the whole."""
    if len(groups_of) < choice.n_folds:
        raise DataError(f"{choice.n_folds} folds need as many records, but there are {len(groups_of)}")
    groups: dict[str, list[int]] = {}
    for index, key in enumerate(groups_of):
        groups.setdefault(key, []).append(index)
    dealt: list[int] = []
    for name in sorted(groups):
        random.Random(f"{seed}/{name}").shuffle(groups[name])  # noqa: S311 - not for secrets
        dealt.extend(groups[name])
    held_out = set(dealt[choice.fold :: choice.n_folds])
    everyone = range(len(groups_of))
    return Split(tuple(i for i in everyone if i not in held_out), tuple(sorted(held_out)), ())


def _group(record: Record, key: str) -> str:
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
