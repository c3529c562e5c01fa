"""A checksum inside a text: files in JSON that a person can read, and in which a changed digit is found."""

import re
import zlib
from typing import Final

OPEN: Final = "crc32:00000000"
"""Stands once in a text that is to be sealed."""

SEAL: Final = re.compile(r"crc32:[0-9a-f]{8}")


def sealed(text: str) -> str:
    """The text with its checksum in the place of the last ``OPEN``."""
    before, _, after = text.rpartition(OPEN)
    return f"{before}crc32:{zlib.crc32(text.encode()):08x}{after}"


def is_whole(text: str) -> bool:
    """Whether a text has a seal, and is as it was when it was sealed."""
    found = list(SEAL.finditer(text))
    return bool(found) and sealed(text[: found[-1].start()] + OPEN + text[found[-1].end() :]) == text
