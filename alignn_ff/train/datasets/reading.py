"""Where records come from: the form of a data set is told by its path."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets.frames import iterate_frames, read_database, read_frames
from alignn_ff.train.datasets.keys import DataKeys, keys_of
from alignn_ff.train.datasets.named import read_named
from alignn_ff.train.datasets.tables import read_id_prop_csv, read_id_prop_json
from alignn_ff.train.datasets.targets import iterate_energies, prepare_targets
from alignn_ff.train.records.record import Record


class Form(NamedTuple):
    """One form of data on disk.

    Attributes:
        title: what it is called in messages.
        fits: whether a file is of this form.
        read: its records.
    """

    title: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, DataKeys], list[Record]]


FORMS: Final[tuple[Form, ...]] = (
    Form("ASE database (.db, .json)", lambda path: path.suffix == ".db" or _is_json_database(path), read_database),
    Form("id_prop.json", lambda path: path.suffix == ".json" or path.name.endswith(".json.zip"), read_id_prop_json),
    Form("id_prop.csv", lambda path: path.suffix == ".csv", read_id_prop_csv),
    Form("frames in any format of ASE, such as .extxyz", lambda _path: True, read_frames),
)
"""The first that fits is taken."""

IN_FOLDERS: Final = ("id_prop.json.zip", "id_prop.json", "id_prop.csv")
"""What is looked for in a folder, in the published order."""


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
    file = _file_in(path) if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"cannot read training data: no such structure file: {file}")
    return _form_of(file).read(file, keys or DataKeys())


def records_source(config: TrainingConfig) -> Iterable[Record]:
    """As :func:`load_records`, but frames that a force field learns from are read one by one, each time anew.

    Raises:
        ConfigError, DataError: as :func:`load_records`; of frames, when they are gone through.
    """
    path = None if config.data is None or config.dataset != "user_data" else Path(config.data)
    if config.model.kind == "energy" and path is not None and path.is_file() and _form_of(path).read is read_frames:
        return Frames(path, config)
    return load_records(config)


class Frames(Iterable[Record]):
    """Records of a file of frames, of which one is held at a time."""

    def __init__(self, path: Path, config: TrainingConfig) -> None:
        self._path, self._config = path, config

    def __iter__(self) -> Iterator[Record]:
        return iterate_energies(iterate_frames(self._path, keys_of(self._config)), self._config)


def load_records(config: TrainingConfig) -> list[Record]:
    """The records that a config trains on, with targets as the model learns them.

    Raises:
        ConfigError: no data are named, or a named set is not at hand.
        DataError: as :func:`read_records`.
    """
    if config.dataset != "user_data":
        records = read_named(config.dataset, keys_of(config))
    elif config.data is None:
        raise ConfigError('dataset is user_data: give --data PATH, or "data" in the config')
    else:
        records = read_records(Path(config.data), keys_of(config))
    return prepare_targets(records, config)


def _form_of(file: Path) -> Form:
    return next(form for form in FORMS if form.fits(file))


def _file_in(folder: Path) -> Path:
    found = [folder / name for name in IN_FOLDERS if (folder / name).is_file()]
    if not found:
        raise DataError(f"the folder {folder} holds none of {', '.join(IN_FOLDERS)}; name a data file itself")
    return found[0]


def _is_json_database(path: Path) -> bool:
    """Whether a JSON file is a database of ASE, which begins with an object that holds its rows."""
    if path.suffix != ".json":
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        if not file.read(256).lstrip().startswith("{"):
            return False
        file.seek(0)
        try:
            content = json.load(file)
        except json.JSONDecodeError:
            return False
    return "ids" in content and "nextid" in content
