"""Under which names a data set holds its labels."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from alignn_ff.errors import DataError
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.labels import LABELS

DEFAULT_TARGETS: Final = frozenset({"exfoliation_energy", "target"})
"""Targets that are not a choice of the user: the default of the schema, and that of published folder configs."""


class DataKeys(NamedTuple):
    """Names of columns, JSON keys or frame properties; None: the usual ones.

    Attributes:
        target: property that is learned.
        identifier: of a record.
        forces, stress, atomwise, additional: labels.
        file_format: of structure files beside a table; None: their names decide.
    """

    target: str = "exfoliation_energy"
    identifier: str = "jid"
    forces: str | None = None
    stress: str | None = None
    atomwise: str | None = None
    additional: str | None = None
    file_format: str | None = None


def keys_of(config: TrainingConfig) -> DataKeys:
    """The names that a config gives."""
    return DataKeys(
        target=config.target,
        identifier=config.id_tag,
        forces=config.forces_key,
        stress=config.stress_key,
        atomwise=config.atomwise_key,
        additional=config.additional_key,
        file_format=config.file_format,
    )


def label_key(keys: DataKeys, kind: str, present: Iterable[str]) -> str | None:
    """The name of a kind of label among those present; None where there is none and the keys give none.

    Raises:
        DataError: the name that the keys give does not exist.
    """
    known = set(present)
    given: str | None = getattr(keys, kind)
    if given is not None and given not in known:
        raise DataError(f"no {given!r}, which {kind}_key names; there are {_listed(known)}")
    usual = next((name for name in LABELS[kind].usual_names if name in known), None)
    return given if given is not None else usual


def target_key(keys: DataKeys, present: Iterable[str]) -> str | None:
    """The name of the target among those present; None where the keys give none and no usual one exists.

    Raises:
        DataError: the target that the keys give does not exist.
    """
    known = set(present)
    if keys.target in known:
        return keys.target
    if keys.target not in DEFAULT_TARGETS:
        raise DataError(f"no {keys.target!r}, which is the target; there are {_listed(known)} (--target-key)")
    return next((name for name in LABELS["target"].usual_names if name in known), None)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no labels"
