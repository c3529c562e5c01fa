"""Formats of data on disk, one row each: which files are of a format, how records are read and written."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from alignn_ff.errors import DataError
from alignn_ff.io import atomic_write
from alignn_ff.train.datasets.frames import iterate_frames, read_database, read_frames
from alignn_ff.train.datasets.keys import DataKeys
from alignn_ff.train.datasets.tables import read_id_prop_csv, read_id_prop_json
from alignn_ff.train.datasets.writing import write_database, write_frames, write_id_prop
from alignn_ff.train.records.record import Record


class Iterate(Protocol):
    """Reads records one by one."""

    def __call__(self, path: Path, keys: DataKeys, *, tell: Callable[[str], None]) -> Iterator[Record]:
        """The records of a file; ``tell`` is called after the last with each sentence that a user should read."""


class DataFormat(NamedTuple):
    """One format.

    Attributes:
        fits: whether a file is of this format.
        read: its records.
        iterate: its records one by one, where the format allows that.
        write: writes records; None: the format is only read.
        suffixes: of files that are written in this format.
        in_folders: names of files of this format that are looked for in a folder, the first one first.
        whole: whether a file holds all of its records; false where it names other files.
    """

    fits: Callable[[Path], bool]
    read: Callable[[Path, DataKeys], list[Record]]
    iterate: Iterate | None = None
    write: Callable[[Path, Sequence[Record]], None] | None = None
    suffixes: tuple[str, ...] = ()
    in_folders: tuple[str, ...] = ()
    whole: bool = True


def format_of(file: Path) -> DataFormat:
    """The format of a file: the first row that fits; frames of any format of ASE where none does."""
    return next((row for row in FORMATS.values() if row.fits(file)), FORMATS["frames"])


def row_of(file: Path, keys: DataKeys) -> DataFormat:
    """The format of a file, which the user may have named.

    Raises:
        DataError: elements are given for a file that is not of LAMMPS.
    """
    row = FORMATS["frames"] if keys.data_format is not None else format_of(file)
    if keys.data_elements and row.iterate is None:
        raise DataError(f"elements are given for the types of a file of LAMMPS, but {file} names its elements")
    return row


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write all records in the format that the suffix of ``path`` names, atomically.

    Raises:
        DataError: no format has this suffix.
    """
    writers = {suffix: row.write for row in FORMATS.values() for suffix in row.suffixes}
    write = writers.get(path.suffix)
    if write is None:
        raise DataError(f"cannot write records as {path}; allowed suffixes are {', '.join(writers)}")
    with atomic_write(path) as temporary:
        write(temporary, records)


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


FORMATS: Final[dict[str, DataFormat]] = {
    "frames": DataFormat(
        fits=lambda path: path.suffix in (".extxyz", ".xyz"),
        read=read_frames,
        iterate=iterate_frames,
        write=write_frames,
        suffixes=(".extxyz", ".xyz"),
    ),
    "ase_database": DataFormat(
        fits=lambda path: path.suffix == ".db" or _is_json_database(path),
        read=read_database,
        write=write_database,
        suffixes=(".db",),
    ),
    "id_prop_json": DataFormat(
        fits=lambda path: path.suffix == ".json" or path.name.endswith(".json.zip"),
        read=read_id_prop_json,
        write=write_id_prop,
        suffixes=(".json",),
        in_folders=("id_prop.json.zip", "id_prop.json"),
    ),
    "id_prop_csv": DataFormat(
        fits=lambda path: path.suffix == ".csv", read=read_id_prop_csv, in_folders=("id_prop.csv",), whole=False
    ),
}
"""Name → format."""
