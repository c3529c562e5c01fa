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

    Writers of archives raise errors of their own while they close a file that the disk did not take; the reason is
    then in the context of that error.

    Raises:
        StorageError: the disk is full, over quota or failing. Other errors pass through.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        reason = _disk_failure(error)
        if reason is None:
            raise
        raise storage_error(path, reason) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """The error for a file that a disk did not take."""
    reason = os.strerror(error.errno or errno.EIO)
    untouched = "; the file that was there is untouched" if path.exists() else ""
    return StorageError(f"cannot write {path}: {reason}{untouched}. Free some space")


def _disk_failure(error: BaseException) -> OSError | None:
    """The failure of a disk that an error is, or that it was raised from."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in FULL:
            return chain
        chain = chain.__cause__ or chain.__context__
    return None
