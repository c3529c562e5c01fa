"""What an observable computes: a summary, curves, perhaps a structure; and the object that accumulates frames."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.analysis.frames import Frame
from alignn_ff.display import Sheet, line_of, page_of

FloatArray = NDArray[np.float64]

Table = Mapping[str, FloatArray]
"""Column, with its unit in the name → values."""


class ObservableResult(NamedTuple):
    """The result of one observable.

    Attributes:
        summary: JSON-ready, units in the names.
        tables: name of a file → curves; empty without curves.
        structure: for observables that compute one.
    """

    summary: Mapping[str, object]
    tables: Mapping[str, Table]
    structure: Atoms | None = None

    def brief(self) -> str:
        """Names of its tables."""
        return f"{len(self.summary)} numbers, tables: {', '.join(self.tables) or 'none'}"

    def sheet(self) -> Sheet:
        """Its numbers and curves."""
        return Sheet(self.summary, self.tables)

    def __repr__(self) -> str:
        return line_of(self)

    def _repr_html_(self) -> str:
        return page_of(self)


class Accumulator(Protocol):
    """An observable that is accumulated frame by frame, in memory that does not grow with the number of frames."""

    def add(self, frame: Frame) -> None:
        """Add a frame."""

    def result(self) -> ObservableResult:
        """The result for the frames so far."""


def number_or_none(value: float) -> float | None:
    """A number for JSON, which has no NaN."""
    return float(value) if np.isfinite(value) else None


def species_of(atoms: Atoms) -> dict[str, NDArray[np.intp]]:
    """Symbol → indices of its atoms, in alphabetical order."""
    symbols = np.array(atoms.get_chemical_symbols())
    return {str(symbol): np.flatnonzero(symbols == symbol) for symbol in np.unique(symbols)}
