"""How a data set is read: which file, which of its records, and under which names it holds their labels."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from alignn_ff.io import Index, parse_index
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
        data_format: ASE's name of the format of the file itself; None: found from name and content.
        data_index: which of its records; None: all.
        data_elements: of the types 1, 2, … in a file of LAMMPS; empty where the file names them.
    """

    target: str = "exfoliation_energy"
    identifier: str = "jid"
    forces: str | None = None
    stress: str | None = None
    atomwise: str | None = None
    additional: str | None = None
    file_format: str | None = None
    data_format: str | None = None
    data_index: Index | None = None
    data_elements: tuple[str, ...] = ()


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
        data_format=config.data_format,
        data_index=None if config.data_index is None else parse_index(config.data_index),
        data_elements=config.data_elements,
    )


def is_choice(keys: DataKeys, kind: str) -> bool:
    """Whether the keys give a kind of label a name that is not a usual one, so that no other name counts."""
    given: str | None = getattr(keys, kind)
    usual = {*LABELS[kind].usual_names, *({*DEFAULT_TARGETS, "energy"} if kind == "target" else ())}
    return given is not None and given not in usual


KEY_FIELDS: Final[dict[str, tuple[str, str]]] = {
    "target": ("target", "--target-key"),
    "forces": ("forces_key", "--forces-key"),
    "stress": ("stress_key", "--stress-key"),
    "atomwise": ("atomwise_key", "--atomwise-key"),
    "additional": ("additional_key", "--additional-key"),
}
"""Kind of label → the field of the config, and the option, that give its name."""


def listed(names: Iterable[str]) -> str:
    """Names in alphabetical order."""
    return ", ".join(sorted(names)) or "no labels"
