"""Vibrations of a saddle: how many directions lead down from it. A saddle has one."""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.vibrations import frequencies_THz
from alignn_ff.properties.work import Work

FloatArray = NDArray[np.float64]

NOISE_THZ: Final = 0.2
"""Smaller imaginary frequencies are rounding, or motions of the whole structure."""


class Saddle(NamedTuple):
    """Vibrations at a saddle.

    Attributes:
        frequencies: (n,) THz, ascending, imaginary ones negative; translations of the whole structure are zero.
    """

    frequencies: FloatArray

    @property
    def n_negative(self) -> int:
        """Number of directions that lead down."""
        return int((self.frequencies < -NOISE_THZ).sum())


def saddle_modes(atoms: Atoms, work: Work) -> Saddle:
    """Frequencies at the saddle; constrained atoms stay where they are."""
    return Saddle(frequencies_THz(atoms, work, name="vibrations of the saddle"))
