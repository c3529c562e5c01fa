"""Records from a path or a published name; the path decides the format."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.io import select
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets.collecting import none_chosen
from alignn_ff.train.datasets.formats import Iterate, row_of
from alignn_ff.train.datasets.keys import DataKeys, keys_of
from alignn_ff.train.datasets.named import read_named
from alignn_ff.train.datasets.places import located
from alignn_ff.train.datasets.targets import iterate_energies, prepare_targets
from alignn_ff.train.records.record import Record

log = logging.getLogger(__name__)


def read_records(path: str | Path, keys: DataKeys | None = None) -> list[Record]:
    """All labelled structures of a file or folder.

    Args:
        path: extended XYZ or another file that ASE reads, ASE database, id_prop.json, id_prop.csv, or a folder that
            holds one of the latter two.
        keys: names of the labels; None: the usual ones.

    Raises:
        DataError: it is missing or unreadable, or records have missing, non-finite or misshapen labels; the
            records are named.
    """
    path = Path(path)
    file, names = located(path, keys or DataKeys())
    row = row_of(file, names)
    records = row.read(file, names)
    if row.iterate is not None or names.data_index is None:
        return records
    chosen = list(select(iter(records), names.data_index))
    if not chosen:
        raise DataError(none_chosen(file, len(records)))
    return chosen


def records_source(config: TrainingConfig) -> "RecordsSource":
    """As :func:`load_records`, but read when they are iterated; force fields read formats that allow it one by one.

    Raises:
        ConfigError, DataError: as :func:`load_records`; most of them while records are iterated.
    """
    if config.data is None or config.dataset != "user_data" or config.model.kind != "energy":
        return RecordsAtOnce(config)
    file, keys = located(Path(config.data), keys_of(config))
    iterate = row_of(file, keys).iterate
    return RecordsAtOnce(config) if iterate is None else RecordsOneByOne(file, keys, config, iterate)


class RecordsSource(Protocol):
    """Records that are read when they are iterated."""

    def __iter__(self) -> Iterator[Record]:
        """One after another."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences of which the passes so far have warned."""


class RecordsAtOnce(Iterable[Record]):
    """Records that are all held, from the first pass on."""

    notices = ()

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._records: list[Record] | None = None

    def __iter__(self) -> Iterator[Record]:
        if self._records is None:
            self._records = load_records(self._config)
        return iter(self._records)


class RecordsOneByOne(Iterable[Record]):
    """Records of a file, of which one is held at a time, read anew for each pass."""

    def __init__(self, path: Path, keys: DataKeys, config: TrainingConfig, iterate: Iterate) -> None:
        self._path, self._keys, self._config, self._iterate = path, keys, config, iterate
        self._told: dict[str, None] = {}

    def __iter__(self) -> Iterator[Record]:
        records = self._iterate(self._path, self._keys, tell=self._tell)
        return iterate_energies(records, self._config)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences of which the passes so far have warned."""
        return tuple(self._told)

    def _tell(self, sentence: str) -> None:
        """Warn, once in all passes."""
        if sentence not in self._told:
            self._told[sentence] = None
            log.warning(sentence)


def load_records(config: TrainingConfig) -> list[Record]:
    """The records that a config trains on, with targets as the model learns them.

    Raises:
        ConfigError: no data are named, or a named set is not available.
        DataError: as :func:`read_records`.
    """
    if config.dataset != "user_data" and config.model.kind == "energy":
        raise ConfigError(
            f'there are no data: give --data PATH, or "data" in the config, for your own (extended XYZ, ASE database, '
            f"id_prop.json or a folder). The published data set {config.dataset!r} holds no forces, so that "
            f"{config.model.name} cannot learn from it"
        )
    if config.dataset != "user_data":
        records = read_named(config.dataset, keys_of(config))
    elif config.data is None:
        raise ConfigError('dataset is user_data: give --data PATH, or "data" in the config')
    else:
        records = read_records(Path(config.data), keys_of(config))
    return prepare_targets(records, config)
