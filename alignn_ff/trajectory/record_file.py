"""A text file that grows by whole records, as trajectories in extended XYZ and logs do.

Each record goes to the operating system in one write, so a killed process leaves whole records and at most one torn
record at the end.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from alignn_ff.errors import OutputError


class RecordFile:
    """A file that holds each record as soon as :meth:`write` returns.

    Args:
        path: of the file.
        keep: number of bytes of an existing file to keep and to append to; None starts a new file.
    """

    def __init__(self, path: Path, *, keep: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("wb" if keep is None else "r+b", buffering=0)
        self._end = keep or 0
        self._file.truncate(self._end)
        self._file.seek(self._end)

    def write(self, record: str) -> None:
        """Append a record.

        Raises:
            OutputError: the disk is full or failing; the file ends with the previous record.
        """
        rest = memoryview(record.encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(self._end)
            raise disk_failed(self._path, error) from error
        self._end = self._file.tell()

    def sync(self) -> int:
        """Flush everything to the disk.

        Returns:
            Number of bytes in the file.

        Raises:
            OutputError: the disk is full or failing.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise disk_failed(self._path, error) from error
        return self._end

    def close(self) -> None:
        """Flush to the disk if possible, and close."""
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def disk_failed(path: Path, error: OSError) -> OutputError:
    """The error for a file that can no longer be written."""
    return OutputError(
        f"cannot write {path}: {error.strerror or error}. Everything written before is readable; free some space, "
        "then resume from the last restart file"
    )
