"""One structure of a file, before it is parsed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray

from alignn_ff.errors import StructureError


class Labelled(NamedTuple):
    """A structure with what its file holds beside it.

    Attributes:
        atoms: the structure; its calculator, if any, holds the same results.
        results: name in ASE → value.
        stress: (9,) as extended XYZ writes it, since ASE keeps six of its nine numbers; None without.
    """

    atoms: Atoms
    results: Mapping[str, Any]
    stress: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, atoms: Atoms, stress: NDArray[np.float64] | None = None) -> Self:
        """Of a structure as ASE reads it."""
        return cls(atoms, {} if atoms.calc is None else dict(atoms.calc.results), stress)

    def with_calculator(self) -> Atoms:
        """The structure as ASE reads it, with a calculator that holds the results."""
        if self.results and self.atoms.calc is None:
            self.atoms.calc = SinglePointCalculator(self.atoms, **self.results)
        return self.atoms


class Frame(NamedTuple):
    """One structure of a file.

    Attributes:
        place: in the file, from 0.
        where: file and frame, for messages.
        parse: gives its atoms; raises :class:`StructureError` where the frame is damaged.
        parse_labels: gives the same without a calculator, where the format has something faster than ``parse``.
    """

    place: int
    where: str
    parse: Callable[[], Atoms]
    parse_labels: Callable[[], Labelled] | None = None

    def labelled(self) -> Labelled:
        """Its atoms and their results; errors as of ``parse``."""
        return Labelled.of(self.parse()) if self.parse_labels is None else self.parse_labels()


class TornEndError(StructureError):
    """A file ends inside a frame, as that of a killed run does; the frames before are whole."""
