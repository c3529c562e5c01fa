"""What an observable gives back, and what it is asked."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.analysis.frames import Frame

FloatArray = NDArray[np.float64]
Table = Mapping[str, FloatArray]
"""Column, with its unit in the name → values."""


class Finding(NamedTuple):
    """The result of one observable.

    Attributes:
        summary: JSON-ready, units in the names.
        tables: name of a file → curves; empty for an observable that has none.
        structure: an observable may give one.
    """

    summary: Mapping[str, object]
    tables: Mapping[str, Table]
    structure: Atoms | None = None


class Observable(Protocol):
    """Something that is measured frame by frame, in memory that does not grow with the trajectory's length."""

    def add(self, frame: Frame) -> None:
        """Take a frame in."""

    def finding(self) -> Finding:
        """What came out."""


def number_or_none(value: float) -> float | None:
    """For JSON, which knows no NaN."""
    return float(value) if np.isfinite(value) else None


def species_of(atoms: Atoms) -> dict[str, NDArray[np.intp]]:
    """Symbol → indices of its atoms, in alphabetical order."""
    symbols = np.array(atoms.get_chemical_symbols())
    return {str(symbol): np.flatnonzero(symbols == symbol) for symbol in np.unique(symbols)}
