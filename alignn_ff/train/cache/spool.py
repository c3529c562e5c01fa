"""Entries of records in a nameless file on disk, from the pass that reads them to the cache that keeps them.

The identity of a cache is known only after the last record; the file spares a second reading, and memory.
"""

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from alignn_ff.io import disk_errors
from alignn_ff.train.cache.entries import unpack_record
from alignn_ff.train.records.record import Record


class Spool(Iterable[Record]):
    """Records on disk, in their order; the file is gone when the process ends, however it ends.

    Args:
        folder: where the file is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - close() closes it
        self._lengths = array("q")

    def add(self, entry: bytes) -> None:
        """Add the entry of a record.

        Raises:
            StorageError: the disk is full.
        """
        with disk_errors(self._folder):
            self._file.write(entry)
        self._lengths.append(len(entry))

    def __iter__(self) -> Iterator[Record]:
        with disk_errors(self._folder):
            self._file.seek(0)
        for length in self._lengths:
            yield unpack_record(self._file.read(length))

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
