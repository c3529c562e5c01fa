"""Miller indices: reading them, and those that symmetry does not map onto each other."""

import re
from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError

Miller = tuple[int, int, int]


def parse_miller(text: str) -> list[Miller]:
    """Indices such as "1,1,1", "1,-1,0:0,0,1", and "1,0,-1,0" with the four indices of hexagonal crystals.

    Raises:
        ConfigError: anything else, and 0,0,0.
    """
    return [_one(part, text) for part in text.split(":")]


def _one(part: str, text: str) -> Miller:
    words = re.split(r"[\s,]+", part.strip())
    if len(words) not in (3, 4) or not all(re.fullmatch(r"[+-]?\d{1,2}", word) for word in words):
        raise ConfigError(f"Miller indices are {text!r}; they are three whole numbers, such as 1,1,1 or 1,-1,0:0,0,1")
    numbers = [int(word) for word in words]
    if len(numbers) == 4:
        if numbers[0] + numbers[1] + numbers[2] != 0:
            raise ConfigError(f"the first three of the four indices {part!r} must add up to 0, such as 1,0,-1,0")
        del numbers[2]
    if not any(numbers):
        raise ConfigError("Miller indices 0,0,0 are not a plane; at least one of them must differ from 0")
    return reduced(np.array(numbers))


def reduced(indices: NDArray[np.int_]) -> Miller:
    """Indices without a common divisor."""
    first, second, third = (int(n) for n in indices // gcd(*(int(n) for n in indices)))
    return first, second, third


def orbit(miller: Miller, rotations: NDArray[np.int_]) -> set[Miller]:
    """All planes onto which symmetry and inversion map a plane; a slab has both sides.

    Args:
        miller: indices.
        rotations: (n, 3, 3) of the point group, on fractional coordinates of the same cell.
    """
    images = {tuple(int(n) for n in np.array(miller) @ rotation) for rotation in rotations}
    return {(s * h, s * k, s * m) for h, k, m in images for s in (1, -1)}


def distinct_miller(largest: int, rotations: NDArray[np.int_]) -> list[Miller]:
    """One plane of each family with indices up to ``largest``, low indices first."""
    numbers = range(largest, -largest - 1, -1)
    planes = [(h, k, m) for h, k, m in product(numbers, repeat=3) if gcd(h, k, m) == 1]
    ordered = sorted(planes, key=lambda p: (sum(map(abs, p)), sum(n < 0 for n in p), tuple(-n for n in p)))
    found: list[Miller] = []
    seen: set[Miller] = set()
    for plane in ordered:
        if plane not in seen:
            found.append(plane)
            seen |= orbit(plane, rotations)
    return found


def shown_miller(miller: Miller) -> str:
    """Indices as words: "(1 -1 0)"."""
    return "(" + " ".join(map(str, miller)) + ")"
