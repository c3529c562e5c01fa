"""Targets as a model learns them: multiplied, made classes of, checked for what the model needs."""

import logging
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets.collecting import SHOWN
from alignn_ff.train.datasets.keys import DEFAULT_TARGETS
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.record import Record

log = logging.getLogger(__name__)


def prepare_targets(records: Sequence[Record], config: TrainingConfig) -> list[Record]:
    """Records with the target (property models) or the energy (force fields) that the config needs.

    ``target_multiplication_factor`` acts first, then ``classification_threshold``: above it is class 1, else 0. A
    property model whose data hold only energies learns the energy per atom.

    Raises:
        DataError: records lack what is learned, or their targets are not classes; they are named.
        ConfigError: a threshold for vectors.
    """
    if config.model.kind == "energy":
        return list(iterate_energies(records, config))
    factor = config.target_multiplication_factor
    prepared = [_scaled(record, factor) for record in _with_targets(records, config)]
    if config.classification_threshold is not None:
        prepared = [_classified(record, config.classification_threshold) for record in prepared]
    if config.model.outputs.classifies:
        _check_classes(prepared)
    return prepared


def iterate_energies(records: Iterable[Record], config: TrainingConfig) -> Iterator[Record]:
    """Records that a force field learns from, one by one; those without any label of it are named after the last."""
    lacking, n_records = list[str](), 0
    learned = [kind for kind, label in LABELS.items() if label.weight(config.model) > 0]
    for record in records:
        n_records += 1
        if all(record.label(kind) is None for kind in learned):
            lacking.append(record.identifier)
        yield _scaled(record, config.target_multiplication_factor)
    _require(lacking, "an energy (one number, eV), or another label that the model learns,", n_records)


def output_width(config: TrainingConfig, records: Sequence[Record]) -> int | None:
    """The number of outputs that the targets need; None where the config has it already, or needs none.

    Raises:
        ConfigError: it has another number.
    """
    widths = {record.target.size for record in records if record.target is not None}
    outputs = config.model.outputs
    given = outputs.n_target
    if outputs.kind == "energy" or outputs.classifies or not widths:
        return None
    if len(widths) > 1:
        raise DataError(f"targets have different lengths: {', '.join(map(str, sorted(widths)))}")
    (width,) = widths
    if given not in (1, width):
        raise ConfigError(
            f"model.output_features is {given}, but the target {config.target!r} has {width} numbers per structure; "
            "leave it out, and it follows the data"
        )
    return width if given != width else None


def _with_targets(records: Sequence[Record], config: TrainingConfig) -> list[Record]:
    """Each record with a target; where the config names none, the energy per atom."""
    lacking = [record for record in records if record.target is None]
    by_default = config.target in {*DEFAULT_TARGETS, *LABELS["target"].usual_names, "energy"}
    if lacking and by_default and all(record.energy is not None for record in lacking):
        log.info("the target is the energy per atom, eV, as the data hold no %r", config.target)
        return [record if record.target is not None else _energy_as_target(record) for record in records]
    _require([record.identifier for record in lacking], f"the target {config.target!r}", len(records))
    return list(records)


def _energy_as_target(record: Record) -> Record:
    assert record.energy is not None
    return record._replace(target=np.array([record.energy / len(record.atoms)]))


def _scaled(record: Record, factor: float | None) -> Record:
    if factor is None:
        return record
    return record._replace(
        energy=None if record.energy is None else record.energy * factor,
        target=None if record.target is None else record.target * factor,
    )


def _classified(record: Record, threshold: float) -> Record:
    target: NDArray[np.float64] | None = record.target
    if target is None or target.size != 1:
        raise ConfigError(
            f"classification_threshold needs one number per structure, but {record.identifier} has "
            f"{0 if target is None else target.size}"
        )
    return record._replace(target=(target > threshold).astype(np.float64))


def _check_classes(records: Sequence[Record]) -> None:
    bad = [r for r in records if r.target is None or r.target.size != 1 or r.target[0] not in range(1000)]
    if bad:
        value = None if bad[0].target is None else bad[0].target.tolist()
        raise DataError(
            f"model.classification is true, but the target of {bad[0].identifier} is {value}: classes are the numbers "
            "0, 1, …; classification_threshold makes two classes of other targets"
        )


def _require(lacking: Sequence[str], what: str, n_records: int) -> None:
    if lacking:
        named = ", ".join(lacking[:SHOWN])
        more = f", … ({len(lacking)} of {n_records})" if len(lacking) > SHOWN else ""
        raise DataError(f"{what} is missing for {named}{more}")
