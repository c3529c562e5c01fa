"""Writes that are complete or absent: a temporary file beside the target, flushed to disk, then renamed."""

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from alignn_ff.io.disk import FULL, disk_errors


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on success it replaces ``path`` in one step.

    The temporary file keeps the suffix of ``path``, since writers choose formats by it. On failure it is
    removed and ``path`` stays as it was. File and folder are flushed, so that the new file survives a power cut.

    Raises:
        StorageError: the disk is full, over quota or failing.
        OSError: naming ``path``, not the temporary file, if its folder cannot be written to.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _new_file(path)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):  # the first error is the one to report
                temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write JSON atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _new_file(path: Path) -> Path:
    """An empty file beside ``path``, with the permissions that the process gives to new files."""
    while True:
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno in FULL:
                raise
            raise type(error)(error.errno, error.strerror, str(path)) from error
        return temporary


NO_FOLDER_FLUSH: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF})
"""Error numbers of systems that cannot open or flush a folder; then the file itself is flushed, which must do."""


def _flush_folder(folder: Path) -> None:
    """Flush the name of a new file to disk, where the system can do so."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in NO_FOLDER_FLUSH:
            raise
        return
    try:
        with disk_errors(folder):
            os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_FOLDER_FLUSH:
            raise
    finally:
        os.close(handle)
