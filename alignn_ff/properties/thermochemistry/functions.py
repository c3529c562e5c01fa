"""Thermodynamic functions over the temperature, as the routes give them; from them follow all columns of a table."""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.result import Remark

Array = NDArray[np.float64]
REFERENCE_K: Final = 298.15


class Functions(NamedTuple):
    """Functions of one structure.

    Attributes:
        atoms: that they belong to, relaxed.
        temperatures: (n,) K, from 0, one of them REFERENCE_K.
        gibbs: (n,) eV, on the energy scale of the model.
        entropy, heat_capacity: (n,) eV/K.
        static: eV, energy without motion.
        remarks: for readers.
        extra: further numbers for the summary, with units in their names.
    """

    atoms: Atoms
    temperatures: Array
    gibbs: Array
    entropy: Array
    heat_capacity: Array
    static: float
    remarks: tuple[Remark, ...] = ()
    extra: dict[str, float | int | str | None] = {}  # noqa: RUF012 - never changed

    @property
    def enthalpy(self) -> Array:
        """(n,) eV, G + T·S."""
        return np.asarray(self.gibbs + self.temperatures * self.entropy)

    @property
    def reference(self) -> int:
        """Row of REFERENCE_K."""
        return int(np.argmin(np.abs(self.temperatures - REFERENCE_K)))
