"""One writer per output: locks that end with the process that holds them.

In: the files or folders of a run. Out: a context in which no other process, and no other thread, writes them. Each
output has a lock file beside it (".NAME.lock"; ".lock" inside a folder), which holds who the owner is. The lock itself
is ``flock``, which the system releases when a process ends, however it ends; Linux passes it on to NFS servers.

Where a file system has no locks, the lock file is created exclusively instead. That also excludes other
computers, but it outlives a process that is killed: on the same computer it is then replaced, and elsewhere the error
names the file to remove. The same holds on systems without ``fcntl``.
"""

import errno
import json
import logging
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from alignn_ff.errors import ConfigError
from alignn_ff.io.disk import FULL, storage_error

log = logging.getLogger(__name__)

NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
"""Error numbers of file systems that have no locks."""


@dataclass(frozen=True)
class Owner:
    """Who writes an output.

    Attributes:
        host, pid, thread: of the writer; the thread by the system's number.
        command: of the process.
        since: local time.
    """

    host: str
    pid: int
    thread: int
    command: str
    since: str

    @property
    def place(self) -> tuple[str, int, int]:
        """Host, process and thread."""
        return self.host, self.pid, self.thread

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since} ({self.command})"


@contextmanager
def sole_writer(outputs: Iterable[Path]) -> Iterator[None]:
    """A context in which this thread alone writes some outputs; the same thread may enter it again inside.

    Folders that do not exist are created, and removed at the end if they are still empty.

    Args:
        outputs: files, which need not exist yet, or existing folders.

    Raises:
        ConfigError: another run writes one of them; the message names its owner.
        OSError: naming the output, if its folder cannot be written to.
    """
    with ExitStack() as held:
        for output in sorted({path.absolute() for path in outputs}):
            held.enter_context(_folder(output.parent))
            held.enter_context(_lock(output))
        yield


def lock_file(output: Path) -> Path:
    """The lock file of an output."""
    return output / ".lock" if output.is_dir() else output.with_name(f".{output.name}.lock")


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):  # not empty, or used by another run
            for empty in made:
                empty.rmdir()


@contextmanager
def _lock(output: Path) -> Iterator[None]:
    path, me = lock_file(output), _this_thread()
    handle = _locked(path, output, me)
    if handle is None:
        yield
        return
    try:
        yield
    finally:
        if os.getpid() == me.pid:  # a forked child that ends must not end the lock of its parent
            path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path, output: Path, me: Owner) -> int | None:
    """The handle of a lock; None if this thread holds it already.

    Raises:
        ConfigError: another thread or process holds it.
    """
    while True:
        handle = _open(path, output, os.O_CREAT)
        try:
            _flock(handle)
        except BlockingIOError:
            os.close(handle)
            owner = _read(path)
            if owner is not None and owner.place == me.place:
                return None
            raise _taken(output, owner) from None
        except OSError as error:
            os.close(handle)
            if error.errno not in NO_LOCKS:
                raise
            log.info("no lock on %s (%s); its lock file is created exclusively instead", output, error)
            return _created(path, output, me)
        if _is_at(handle, path):
            _write(handle, me)
            return handle
        os.close(handle)  # the owner has removed the file that was opened


def _created(path: Path, output: Path, me: Owner) -> int | None:
    """The handle of a lock file that only this process could create, for file systems without locks."""
    if path.exists() and path.stat().st_size == 0:
        path.unlink(missing_ok=True)  # made by the attempt to lock it
    while True:
        try:
            handle = _open(path, output, os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            owner = _read(path)
            if owner is not None and owner.place == me.place:
                return None
            if owner is None or owner.host != me.host or _is_alive(owner.pid):
                advice = f". If that run has ended, remove {path}"
                raise _taken(output, owner, advice) from None
            path.unlink(missing_ok=True)
        else:
            _write(handle, me)
            return handle


def _flock(handle: int) -> None:
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "no flock")
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _open(path: Path, output: Path, flags: int) -> int:
    try:
        return os.open(path, os.O_RDWR | flags, 0o666)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise storage_error(output, error) from error
        raise type(error)(error.errno, error.strerror, str(output)) from error


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _this_thread() -> Owner:
    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        thread=threading.get_native_id(),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else "python",
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
    )


def _write(handle: int, owner: Owner) -> None:
    os.truncate(handle, 0)
    os.pwrite(handle, json.dumps(asdict(owner)).encode(), 0)


def _read(path: Path) -> Owner | None:
    """The owner in a lock file; None while it is being written or removed."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _taken(output: Path, owner: Owner | None, advice: str = "") -> ConfigError:
    who = "another run" if owner is None else f"another run, {owner}"
    return ConfigError(
        f"the output {output} is being written by {who}; nothing was changed. Wait until it ends, or choose another "
        f"path{advice}"
    )
