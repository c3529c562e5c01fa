"""A disk without room, over quota or failing: one error for every writer."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alignn_ff.errors import StorageError

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Error numbers of a file system that has no room for a file, takes no files, or fails."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a failing disk raises while ``path`` is written into an error with a message.

    Raises:
        StorageError: the disk is full, over quota or failing. Other errors pass through.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """The error for a file that a disk did not take."""
    reason = os.strerror(error.errno or errno.EIO)
    untouched = "; the file that was there is untouched" if path.exists() else ""
    return StorageError(f"cannot write {path}: {reason}{untouched}. Free some space")
