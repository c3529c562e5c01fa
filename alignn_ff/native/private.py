"""Whether a file of the cache may be loaded. A library that other users can write could run their code as this user.

In: a path. Out: nothing, or an error with the command that corrects it.
"""

import os
import stat
from pathlib import Path
from typing import Final

from alignn_ff.errors import CompilerError

PRIVATE: Final = 0o700
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def make_private_folder(folder: Path) -> None:
    """Make a folder of this user, mode 0700; a folder that exists is only checked.

    Raises:
        CompilerError: the folder belongs to another user, or others can write to it.
        OSError: it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=PRIVATE, exist_ok=True)
    check_private(folder)


def check_private(path: Path) -> None:
    """Check that no other user owns a path or can write to it.

    Raises:
        CompilerError: another user owns it or can write to it.
    """
    if os.name != "posix":
        return
    try:
        status = path.stat()
    except OSError as error:
        raise CompilerError(f"{path} cannot be read: {error.strerror}") from error
    if status.st_uid != os.geteuid():
        raise CompilerError(
            f"{path} belongs to user {status.st_uid}, but this process runs as user {os.geteuid()}; compiled code of "
            "other users is not loaded. Remove it, and it is compiled again"
        )
    if status.st_mode & OTHERS_WRITE:
        raise CompilerError(
            f"{path} can be written by other users (mode {stat.S_IMODE(status.st_mode):04o}), so it is not loaded. "
            f"Remove it, and it is compiled again; or run `chmod go-w {path}` if you trust its content"
        )
