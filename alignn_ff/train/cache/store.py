"""The LMDB file of a cache: two tables, ``records`` and ``samples``, index → entry.

LMDB is memory-mapped: data that are read are in the kernel's page cache, not in the process, and a process that
is killed while it writes leaves the last committed state behind.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import lmdb

from alignn_ff.errors import DataError, StorageError

Table = Literal["records", "samples"]
TABLES: Final[tuple[Table, ...]] = ("records", "samples")
DATA_FILE: Final = "data.mdb"
LOCK_FILE: Final = "lock.mdb"
FIRST_MAP_BYTES: Final = 1 << 26
"""Size of the map at first; doubled whenever it is full."""
CHUNK_BYTES: Final = 1 << 20


class Store:
    """Entries of one folder.

    Args:
        folder: that holds, or gets, the data file.
        writing: open for one writer; otherwise nothing in the folder is touched, not even a lock, so that a
            finished cache can be on a read-only or shared file system.

    Raises:
        DataError: the data file is missing or damaged.
        StorageError: it cannot be written.
    """

    def __init__(self, folder: Path, *, writing: bool = False) -> None:
        self.folder = folder
        options = {"map_size": FIRST_MAP_BYTES} if writing else {"readonly": True, "lock": False}
        try:
            self._environment = lmdb.open(str(folder), max_dbs=len(TABLES), readahead=False, create=writing, **options)
            self._tables = {name: self._environment.open_db(name.encode(), create=writing) for name in TABLES}
        except lmdb.Error as error:
            if writing:
                raise _unwritable(folder, error) from error
            raise DataError(f"the data of the graph cache {folder} cannot be opened: {error}") from error
        if writing and self._environment.info()["map_size"] < FIRST_MAP_BYTES:
            self._environment.set_mapsize(FIRST_MAP_BYTES)

    def count(self, table: Table) -> int:
        """Number of entries of a table."""
        with self._environment.begin() as transaction:
            return int(transaction.stat(self._tables[table])["entries"])

    def keys(self, table: Table) -> Iterator[int]:
        """Indices of the entries of a table, ascending."""
        with self._environment.begin() as transaction:
            for key in transaction.cursor(self._tables[table]).iternext(keys=True, values=False):
                yield _KEY.unpack(key)[0]

    @contextmanager
    def entry(self, table: Table, index: int) -> Iterator[memoryview]:
        """The bytes of one entry, valid only inside the ``with``.

        Raises:
            DataError: there is none.
        """
        with self._environment.begin(buffers=True) as transaction:
            content = transaction.get(_KEY.pack(index), db=self._tables[table])
            if content is None:
                raise DataError(f"the graph cache {self.folder} lacks entry {index} of its {table}")
            yield content

    def put(self, table: Table, entries: Iterable[tuple[int, bytes]]) -> None:
        """Write entries: all of them, or none.

        Raises:
            StorageError: the disk is full, or cannot be written.
        """
        pending = list(entries)
        while True:
            try:
                with self._environment.begin(write=True, db=self._tables[table]) as transaction:
                    for index, entry in pending:
                        transaction.put(_KEY.pack(index), entry)
                return
            except lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()["map_size"])
            except lmdb.Error as error:
                raise _unwritable(self.folder, error) from error

    def close(self) -> None:
        """Close the file."""
        self._environment.close()


def _unwritable(folder: Path, error: lmdb.Error) -> StorageError:
    return StorageError(
        f"cannot write the graph cache {folder}: {error}; what was built before is kept. Free some space and run the "
        "same command again: it continues from there (or set use_lmdb to false)"
    )


def is_truncated(folder: Path) -> bool:
    """Whether the data file is shorter than its header requires; reading beyond its end would kill the process."""
    try:
        environment = lmdb.open(str(folder), readonly=True, lock=False, create=False)
    except lmdb.Error:
        return True
    with environment:
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    return (folder / DATA_FILE).stat().st_size < needed


def file_checksum(path: Path) -> int:
    """CRC-32 of a file, read in chunks."""
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


_KEY: Final = struct.Struct(">Q")
