"""Writes that are whole or not there: a temporary file beside the target, flushed, then renamed."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alignn_ff.errors import StorageError

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a file system says when it has no room for a file, or fails."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on success it replaces ``path`` in one step.

    The temporary file keeps the suffix of ``path``, since writers choose formats by it. On failure it is
    removed and ``path`` stays as it was.

    Raises:
        StorageError: the disk is full, or fails.
        OSError: naming ``path``, not the temporary file, where its folder cannot be written to.
    """
    with _full_disks_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from error
        os.close(handle)
        yield from _replaced(path, Path(name))


def _replaced(path: Path, temporary: Path) -> Iterator[Path]:
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _full_disks_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        there = "; the file that was there is untouched" if path.exists() else ""
        raise StorageError(f"cannot write {path}: {os.strerror(error.errno)}{there}. Free some space") from error


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write JSON atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
