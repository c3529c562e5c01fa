"""Records from a path or a published name; the path decides the format."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from alignn_ff.errors import ConfigError, DataError, StructureError
from alignn_ff.io import Source, select
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets.formats import FORMATS, DataFormat, Iterate, format_of
from alignn_ff.train.datasets.keys import DataKeys, keys_of
from alignn_ff.train.datasets.named import read_named
from alignn_ff.train.datasets.targets import iterate_energies, prepare_targets
from alignn_ff.train.records.record import Record

log = logging.getLogger(__name__)


def read_records(path: Path, keys: DataKeys | None = None) -> list[Record]:
    """All labelled structures of a file or folder.

    Args:
        path: extended XYZ or another file that ASE reads, ASE database, id_prop.json, id_prop.csv, or a folder that
            holds one of the latter two.
        keys: names of the labels; None: the usual ones.

    Raises:
        DataError: it is missing or unreadable, or records have missing, non-finite or misshapen labels; the
            records are named.
    """
    file, names = located(path, keys or DataKeys())
    row = _format(file, names)
    records = row.read(file, names)
    if row.iterate is not None or names.data_index is None:
        return records
    chosen = list(select(iter(records), names.data_index))
    if not chosen:
        raise DataError(f"{file} holds {len(records)} records, and none that the index chooses")
    return chosen


def located(path: Path, keys: DataKeys) -> tuple[Path, DataKeys]:
    """The file of a data set as users name it (a folder, ~, FILE@INDEX), and its keys with the index.

    Raises:
        DataError: there is no such file, or its name and the keys choose different records.
    """
    if path.is_dir():
        path = _file_in(path)
    try:
        source = Source.of(path, format_name=keys.data_format, elements=keys.data_elements)
    except StructureError as error:
        raise DataError(f"cannot read training data: {error}") from error
    if source.index is None:
        return source.path, keys
    if keys.data_index is not None:
        raise DataError(f"{path} chooses records, and so does the index that is given; give only one of them")
    return source.path, keys._replace(data_index=source.index)


def _format(file: Path, keys: DataKeys) -> DataFormat:
    """The format of a file, which the user may have named.

    Raises:
        DataError: elements are given for a file that is not of LAMMPS.
    """
    row = FORMATS["frames"] if keys.data_format is not None else format_of(file)
    if keys.data_elements and row.iterate is None:
        raise DataError(f"elements are given for the types of a file of LAMMPS, but {file} names its elements")
    return row


def records_source(config: TrainingConfig) -> Iterable[Record]:
    """As :func:`load_records`, but force fields read formats that allow it one by one, anew for each pass.

    Raises:
        ConfigError, DataError: as :func:`load_records`; of formats that are read one by one, while they are iterated.
    """
    if config.data is None or config.dataset != "user_data" or config.model.kind != "energy":
        return load_records(config)
    file, keys = located(Path(config.data), keys_of(config))
    iterate = _format(file, keys).iterate
    return load_records(config) if iterate is None else RecordsOneByOne(file, keys, config, iterate)


class RecordsOneByOne(Iterable[Record]):
    """Records of a file, of which one is held at a time."""

    def __init__(self, path: Path, keys: DataKeys, config: TrainingConfig, iterate: Iterate) -> None:
        self._path, self._keys, self._config, self._iterate = path, keys, config, iterate
        self._told: set[str] = set()

    def __iter__(self) -> Iterator[Record]:
        records = self._iterate(self._path, self._keys, tell=self._tell)
        return iterate_energies(records, self._config)

    def _tell(self, sentence: str) -> None:
        """Warn, once in all passes."""
        if sentence not in self._told:
            self._told.add(sentence)
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


def _file_in(folder: Path) -> Path:
    names = [name for row in FORMATS.values() for name in row.in_folders]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise DataError(f"the folder {folder} holds none of {', '.join(names)}; name a data file itself")
    return found[0]
