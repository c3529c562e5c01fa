"""What a run tells of its progress before the first step."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

Item = TypeVar("Item")

SECONDS_PER_NOTICE: Final = 1.0


def told(items: Iterable[Item], notify: Callable[[int], None]) -> Iterator[Item]:
    """The same items; their number so far is told every second."""
    last = time.monotonic()
    for number, item in enumerate(items, start=1):
        if time.monotonic() - last > SECONDS_PER_NOTICE:
            notify(number)
            last = time.monotonic()
        yield item
