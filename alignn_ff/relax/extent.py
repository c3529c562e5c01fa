"""Size and stress of a structure by the number of its periodic directions, independent of any vacuum.

A slab has an area and a stress in N/m, a wire a length and a tension in nN; a volume would count vacuum.
"""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import NDArray

from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.units import GPA_PER_EV_PER_A3


class Measure(NamedTuple):
    """How structures of one dimension are measured: name and unit of size, unit of stress and what it is in eV/Å^d."""

    size: str
    size_unit: str
    stress_unit: str
    per_eV_and_A: float

    @property
    def size_key(self) -> str:
        """Name of the size with its unit, for JSON."""
        return f"{self.size}_{self.size_unit.replace('Å', 'A').replace('²', '2').replace('³', '3')}"

    @property
    def stress_key(self) -> str:
        """Unit of the stress as it ends a name in JSON."""
        return self.stress_unit.replace("/", "_per_")


MEASURES: Final[dict[int, Measure]] = {
    3: Measure("volume", "Å³", "GPa", GPA_PER_EV_PER_A3),
    2: Measure("area", "Å²", "N/m", GPA_PER_EV_PER_A3 / 10.0),
    1: Measure("length", "Å", "nN", GPA_PER_EV_PER_A3 / 100.0),
}
"""Number of periodic directions → measure."""


class Extent(NamedTuple):
    """Size and stress of a structure along its periodic directions.

    Attributes:
        measure: what is measured, in which units.
        size: volume, area or length.
        stress: Voigt order xx yy zz yz xz xy, tension positive; None if the cell has no volume.
    """

    measure: Measure
    size: float
    stress: tuple[float, ...] | None

    @property
    def largest_stress(self) -> float | None:
        """Largest component."""
        return None if self.stress is None else max(map(abs, self.stress))


def extent(atoms: Atoms, directions: NDArray[np.bool_]) -> Extent | None:
    """Size and stress of a structure that has a calculator; None without a periodic direction.

    Args:
        atoms: with calculator.
        directions: (3,) lattice vectors along which the structure goes on for ever.
    """
    if not directions.any():
        return None
    measure = MEASURES[int(directions.sum())]
    vectors = atoms.cell.array[directions]
    size = float(np.sqrt(np.linalg.det(vectors @ vectors.T)))
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    try:
        virial = atoms.get_stress() * volume if volume >= SMALLEST_VOLUME_A3 else None
    except PropertyNotImplementedError:
        virial = None
    stress = None if virial is None else tuple(float(v) / size * measure.per_eV_and_A for v in virial)
    return Extent(measure, size, stress)
