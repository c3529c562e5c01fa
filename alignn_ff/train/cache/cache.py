"""A finished cache, open for reading: records and samples by index, decoded on access."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

from alignn_ff.errors import DataError
from alignn_ff.train.cache.entries import identifier_of, unpack_record, unpack_sample
from alignn_ff.train.cache.packing import DamagedEntryError
from alignn_ff.train.cache.store import Store, Table
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.record import Record


class Cache:
    """Records and samples on disk.

    Attributes:
        folder: of the cache.
        records: all of them, as a sequence that reads each on access.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = Store(folder)
        self.records = StoredRecords(self._store)

    def samples(self, indices: Sequence[int]) -> "StoredSamples":
        """Samples of some records, in the given order."""
        return StoredSamples(self._store, indices)

    def close(self) -> None:
        """Close the files; nothing can be read any more."""
        self._store.close()


class StoredRecords(Sequence[Record]):
    """Records that are read one by one."""

    def __init__(self, store: Store) -> None:
        self._store, self._indices = store, range(store.count("records"))

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequence[Record]": ...
    def __getitem__(self, index: int | slice) -> "Record | Sequence[Record]":
        if isinstance(index, slice):
            return [self[i] for i in self._indices[index]]
        try:
            with self._store.entry("records", self._indices[index]) as entry:
                return unpack_record(entry)
        except DamagedEntryError as error:
            raise _damaged(self._store, "records", index) from error

    def identifiers(self, indices: Sequence[int]) -> list[str]:
        """Identifiers of some records, without reading their arrays."""
        found = []
        for index in indices:
            try:
                with self._store.entry("records", index) as entry:
                    found.append(identifier_of(entry))
            except DamagedEntryError as error:
                raise _damaged(self._store, "records", index) from error
        return found


class StoredSamples(Sequence[Sample]):
    """Samples that are read one by one, by any number of threads."""

    def __init__(self, store: Store, indices: Sequence[int]) -> None:
        self._store, self._indices = store, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredSamples": ...
    def __getitem__(self, index: int | slice) -> "Sample | StoredSamples":
        if isinstance(index, slice):
            return StoredSamples(self._store, self._indices[index])
        try:
            with self._store.entry("samples", self._indices[index]) as entry:
                return unpack_sample(entry)
        except DamagedEntryError as error:
            raise _damaged(self._store, "samples", self._indices[index]) from error


def _damaged(store: Store, table: Table, index: int) -> DataError:
    return DataError(
        f"the graph cache {store.folder} has been damaged since this run began: the checksum of entry {index} of its "
        f"{table} is wrong; run again with --resume, which rebuilds it"
    )
