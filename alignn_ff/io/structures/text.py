"""Text of files as people have them: compressed, with a byte order mark, in UTF-8, UTF-16 or Latin-1, any line ends."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, cast

OPENERS: Final[dict[str, Callable[..., Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""Suffix of a compressed file → what opens it."""

DAMAGED: Final = (EOFError, OSError, UnicodeError, lzma.LZMAError, zlib.error)
"""What reading a compressed file that is cut or not compressed raises."""


def open_bytes(path: Path) -> IO[bytes]:
    """A file, decompressed as its suffix says."""
    opener = OPENERS.get(path.suffix.lower())
    return path.open("rb") if opener is None else cast("IO[bytes]", opener(path, "rb"))


def open_text(path: Path) -> io.TextIOWrapper:
    """The same as text; bytes that are not UTF-8 are kept for :func:`in_words`."""
    with open_bytes(path) as file:
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if wide else "utf-8-sig"
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, errors="surrogateescape")


def in_words(line: str) -> str:
    """A line whose bytes that are not UTF-8 are read as Latin-1."""
    if line.isascii():
        return line
    try:
        line.encode()
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogateescape").decode("latin-1")
    return line


def has_plain_encoding(path: Path) -> bool:
    """Whether a file is UTF-8 without a byte order mark, as far as its first bytes show."""
    with open_bytes(path) as file:
        head = file.read(1 << 16)
    if head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


class NamedText(io.StringIO):
    """Text in memory with the name of its file, which some readers of ASE ask for."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


def whole_text(path: Path) -> NamedText:
    """All of a file."""
    with open_text(path) as file:
        return NamedText("".join(map(in_words, file)), str(path))
