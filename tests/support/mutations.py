"""Damage to files, as disks, transfers and editors do it: each function takes content and a generator."""

import re
from collections.abc import Callable
from random import Random
from typing import Final

Mutation = Callable[[bytes, Random], bytes]

NUMBER: Final = re.compile(rb"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.])")
REPLACEMENTS: Final = (
    b"nan",
    b"1e300",
    b"-1e300",
    b"inf",
    b"word",
    b"",
    b"0",
    b"-1",
    b"99999999999",
    b"3 4",
    b"\xff\xfe",
)


def cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def flipped(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        place = random.randrange(len(changed))
        changed[place] ^= 1 << random.randrange(8)
    return bytes(changed)


def zeroed(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content))
    length = min(random.choice((8, 512, 4096)), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def doubled(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    place = random.randrange(len(lines))
    return b"".join([*lines[: place + 1], *lines[place:]])


def left_out(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[random.randrange(len(lines))]
    return b"".join(lines)


def swapped(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def blank(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    lines.insert(random.randrange(len(lines) + 1), random.choice((b"\n", b"  \n", b"\r\n")))
    return b"".join(lines)


def renumbered(content: bytes, random: Random) -> bytes:
    found = list(NUMBER.finditer(content))
    if not found:
        return content
    chosen = random.choice(found)
    return content[: chosen.start()] + random.choice(REPLACEMENTS) + content[chosen.end() :]


def miscounted(content: bytes, random: Random) -> bytes:
    """A whole number, which may be a count, that is a little or far off."""
    found = [match for match in NUMBER.finditer(content) if match[0].isdigit() and len(match[0]) < 10]
    if not found:
        return content
    chosen = random.choice(found[: max(4, len(found) // 8)])
    wrong = int(chosen[0]) + random.choice((-1, 1, 2, 7, 10**9))
    return content[: chosen.start()] + str(wrong).encode() + content[chosen.end() :]


BINARY: Final[dict[str, Mutation]] = {"cut": cut, "flipped": flipped, "zeroed": zeroed}
TEXT: Final[dict[str, Mutation]] = BINARY | {
    "doubled": doubled,
    "left out": left_out,
    "swapped": swapped,
    "blank": blank,
    "renumbered": renumbered,
    "miscounted": miscounted,
}
"""Name → mutation."""
