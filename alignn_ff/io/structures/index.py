"""Which structures of a file are used: ASE's words for it, "0", "-1", ":", "::10"."""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from alignn_ff.errors import StructureError

Index = int | slice
Item = TypeVar("Item")

LARGEST: Final = 10**15
NUMBER: Final = r"[+-]?\d{1,15}"


class Picked(NamedTuple):
    """One structure of a file: which one, of how many."""

    place: int
    n_all: int


def parse_index(word: str) -> Index:
    """The index that a word stands for.

    Raises:
        StructureError: it is neither a number nor a range.
    """
    if re.fullmatch(NUMBER, word.strip()):
        return int(word)
    if re.fullmatch(rf"\s*({NUMBER})?\s*(:\s*({NUMBER})?\s*){{1,2}}", word):
        parts = [int(part) if part.strip() else None for part in word.split(":")]
        if len(parts) == 3 and parts[2] == 0:
            raise StructureError(f"the index {word!r} has a step of 0; every structure is a step of 1")
        return slice(*parts)
    raise StructureError(
        f"the index {word!r} is not one of 0 (the first structure), -1 (the last), : (all), 10: (from the eleventh), "
        "::10 (every tenth)"
    )


def pick(items: Iterator[Item], index: int, *, where: str) -> tuple[Item, Picked]:
    """One of the items, and how many there are.

    Raises:
        StructureError: there are none, or not so many.
    """
    kept: deque[Item] = deque(maxlen=-index if -LARGEST < index < 0 else 1)
    n_all = 0
    for item in items:
        if index < 0 or n_all == index:
            kept.append(item)
        n_all += 1
    place = index if index >= 0 else n_all + index
    if n_all == 0:
        raise StructureError(f"{where} holds no structure")
    if not 0 <= place < n_all:
        raise StructureError(
            f"there is no structure {index} in {where}, which holds {n_all}: the index is 0 to {n_all - 1}, or "
            f"{-n_all} to -1 from the end"
        )
    return kept[0], Picked(place, n_all)


def select(items: Iterator[Item], index: Index) -> Iterator[Item]:
    """The chosen items, in the order of the index; one at a time where the index allows it."""
    if isinstance(index, int):
        chosen = slice(index, index + 1 or None)
        yield from select(items, chosen)
        return
    forwards = index.step is None or index.step > 0
    if forwards and (index.start or 0) >= 0 and (index.stop is None or index.stop >= 0):
        yield from islice(items, index.start, index.stop, index.step)
        return
    yield from list(items)[index]
