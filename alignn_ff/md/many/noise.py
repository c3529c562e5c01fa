"""Random numbers of the thermostats of many structures: those of an atom follow from its key and the step alone.

So they do not depend on which structures share a device, nor on where a run was interrupted. A counter is mixed as in
SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014), and pairs become normal by Box and Muller.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor


def _signed(number: int) -> int:
    """The number modulo 2⁶⁴, as an int64 has it."""
    return (number + 2**63) % 2**64 - 2**63


GOLDEN: Final = _signed(0x9E3779B97F4A7C15)
FIRST: Final = _signed(0xBF58476D1CE4E5B9)
SECOND: Final = _signed(0x94D049BB133111EB)


def keys_of_atoms(seeds: Sequence[int], n_atoms: Sequence[int]) -> Tensor:
    """(n_atoms,) int64 a key of each atom, from the seed of its structure and its number in it."""
    of_seed = [np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] for seed in seeds]
    owners = torch.from_numpy(np.repeat(np.array(of_seed, dtype=np.uint64).view(np.int64), n_atoms))
    numbers = torch.from_numpy(np.concatenate([np.arange(1, n + 1) for n in n_atoms]))
    return _mixed(owners + numbers * GOLDEN)


def normals(keys: Tensor, steps: Tensor) -> Tensor:
    """Normally distributed numbers.

    Args:
        keys: (n,) int64.
        steps: (n,) int64.

    Returns:
        (n, 3) float64.
    """
    starts = _mixed(keys + steps * GOLDEN)
    radius, angle = [], []
    for k in (1, 2):
        radius.append((-2.0 * _uniform(starts + _signed(2 * k * GOLDEN)).log()).sqrt())
        angle.append(2.0 * math.pi * _uniform(starts + _signed((2 * k + 1) * GOLDEN)))
    return torch.stack([radius[0] * angle[0].cos(), radius[0] * angle[0].sin(), radius[1] * angle[1].cos()], 1)


def _uniform(counters: Tensor) -> Tensor:
    """Numbers between 0 and 1, neither of both."""
    return (_shifted(_mixed(counters), 11).double() + 0.5) * 2.0**-53


def _mixed(counters: Tensor) -> Tensor:
    counters = (counters ^ _shifted(counters, 30)) * FIRST
    counters = (counters ^ _shifted(counters, 27)) * SECOND
    return counters ^ _shifted(counters, 31)


def _shifted(numbers: Tensor, n_bits: int) -> Tensor:
    """To the right, with zeros from the left."""
    return (numbers >> n_bits) & ((1 << (64 - n_bits)) - 1)
