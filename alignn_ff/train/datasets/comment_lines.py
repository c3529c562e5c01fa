"""The stress in comment lines of extended XYZ as it is written, since ASE keeps six of its nine numbers."""

import re
from collections.abc import Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Final

import numpy as np

from alignn_ff.train.datasets.arrays import Array

STRESS: Final = re.compile(r"""(?:^|\s)"?stress"?=(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|\[([^]]*)\])""")


def stresses_as_written(path: Path) -> Iterator[Array | None]:
    """Of each frame the (9,) stress of its comment line; None where there is none, and after the last one, without end.

    A file that is not extended XYZ has none; the reader of structures finds what is wrong with it.
    """
    if path.suffix not in (".xyz", ".extxyz"):
        return repeat(None)
    return chain((_stress_of(line) for line in _comment_lines(path)), repeat(None))


def _comment_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if not line.strip():
                continue
            if not line.strip().isdecimal():
                return
            yield next(file, "")
            next(islice(file, int(line), int(line)), None)


def _stress_of(line: str) -> Array | None:
    found = STRESS.search(line)
    if found is None:
        return None
    words = next(group for group in found.groups() if group is not None).replace(",", " ").split()
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError:
        return None
    return numbers if numbers.shape == (9,) else None
