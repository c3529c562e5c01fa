"""Download one file over HTTP: atomic, resumable, checked against its SHA-256."""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from alignn_ff.errors import DownloadError
from alignn_ff.io import FULL, disk_errors, storage_error

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None)."""

BLOCK: Final = 1 << 18
"""Bytes read at once."""


def download(
    url: str, target: Path, *, sha256: str | None = None, progress: Progress | None = None, timeout_s: float = 60.0
) -> None:
    """Download a file; ``target`` is created in one step when the file is complete and correct.

    Received bytes are kept in ``target.part``. A later call resumes there if the server supports this and its ETag or
    Last-Modified shows that the file is unchanged; otherwise it starts again.

    Args:
        url: http or https.
        target: file to write.
        sha256: expected SHA-256, hexadecimal; None skips the check.
        progress: called with the number of bytes.
        timeout_s: longest wait for the server, s.

    Raises:
        DownloadError: no connection, an HTTP error, an incomplete file, or a wrong checksum.
        StorageError: the disk is full, over quota or failing; received bytes are kept.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"cannot download {url!r}; an address begins with https:// or http://")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(target.with_name(target.name + ".part"), target.with_name(target.name + ".part-of"))
    try:
        _receive(url, part, progress or (lambda _done, _total: None), timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url} answers {error.code} {error.reason}; nothing was downloaded") from error
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise storage_error(target, error) from error
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise DownloadError(
            f"the download of {url} failed: {reason}. The received bytes are kept; run the same command to resume"
        ) from error
    found = sha256_of(part.file)
    if sha256 is not None and found != sha256.lower():
        part.discard()
        raise DownloadError(
            f"{url} has the SHA-256 {found}, but {sha256.lower()} is expected; the file was deleted. "
            "If it was damaged on the way, try again; otherwise it is not the expected file"
        )
    with disk_errors(target):
        part.file.replace(target)
    part.discard()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Part(NamedTuple):
    """The received part of a file.

    Attributes:
        file: holds the bytes.
        validator: holds the ETag or Last-Modified of the file that they belong to.
    """

    file: Path
    validator: Path

    def resumable(self) -> tuple[int, str] | None:
        """Number of bytes, and the version of the file; None if there is nothing to resume."""
        if not self.file.is_file() or not self.validator.is_file():
            return None
        size, version = self.file.stat().st_size, self.validator.read_text(encoding="utf-8")
        return (size, version) if size and version else None

    def discard(self) -> None:
        """Delete the received part."""
        self.file.unlink(missing_ok=True)
        self.validator.unlink(missing_ok=True)


def _receive(url: str, part: _Part, progress: Progress, timeout_s: float) -> None:
    """Download the rest of the file into the part file."""
    begun = part.resumable()
    headers = {"User-Agent": "alignn-ff", "Accept-Encoding": "identity"}
    if begun is not None:
        headers |= {"Range": f"bytes={begun[0]}-", "If-Range": begun[1]}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            _append(response, part, progress)
    except urllib.error.HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE or begun is None:
            raise
        error.close()
        part.discard()  # longer than the file, so it is not a part of it
        _receive(url, part, progress, timeout_s)


RANGE_NOT_SATISFIABLE: Final = 416
PARTIAL_CONTENT: Final = 206


def _append(response: HTTPResponse, part: _Part, progress: Progress) -> None:
    done = part.file.stat().st_size if response.status == PARTIAL_CONTENT else 0
    if done and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
        part.discard()
        raise HTTPException("the server sent a different part than requested, so it was deleted")
    length = response.headers.get("Content-Length")
    total = None if length is None else done + int(length)
    if not done:
        part.validator.write_text(_version(response), encoding="utf-8")
    with part.file.open("r+b" if done else "wb") as file:
        file.seek(done)
        while block := response.read(BLOCK):
            file.write(block)
            done += len(block)
            progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done < total:
        raise HTTPException(f"it ended after {done} of {total} bytes")


def _version(response: HTTPResponse) -> str:
    """Identifier of this version of the file; empty if the server gives none."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
