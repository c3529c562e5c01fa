"""Size and stress of a structure along its periodic directions, independent of any vacuum.

A crystal has a volume and a stress in GPa, a slab an area and a stress in N/m, a wire a length and a tension in nN.
"""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.units import GPA_PER_EV_PER_A3


class SizeUnits(NamedTuple):
    """Units of structures with d periodic directions.

    Attributes:
        size, size_unit: name and unit of the size.
        stress_unit: of the stress.
        per_eV_and_A: the stress in that unit of 1 eV/Å^d.
    """

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
        """Unit of the stress as the ending of a name in JSON."""
        return self.stress_unit.replace("/", "_per_")


SIZE_UNITS: Final[dict[int, SizeUnits]] = {
    3: SizeUnits("volume", "Å³", "GPa", GPA_PER_EV_PER_A3),
    2: SizeUnits("area", "Å²", "N/m", GPA_PER_EV_PER_A3 / 10.0),
    1: SizeUnits("length", "Å", "nN", GPA_PER_EV_PER_A3 / 100.0),
}
"""Number of periodic directions → units."""


class PeriodicSize(NamedTuple):
    """Size and stress of a structure along its periodic directions.

    Attributes:
        units: name of the size, and units.
        size: volume, area or length.
        stress: Voigt order xx yy zz yz xz xy, tension positive; None if the cell has no volume.
    """

    units: SizeUnits
    size: float
    stress: tuple[float, ...] | None

    @property
    def largest_stress(self) -> float | None:
        """Largest component."""
        return None if self.stress is None else max(map(abs, self.stress))


def periodic_size(atoms: Atoms, directions: NDArray[np.bool_]) -> PeriodicSize | None:
    """Size and stress of a structure that has a calculator; None without a periodic direction.

    Args:
        atoms: with calculator.
        directions: (3,) lattice vectors along which the structure is infinite.
    """
    if not directions.any():
        return None
    units = SIZE_UNITS[int(directions.sum())]
    vectors = atoms.cell.array[directions]
    size = float(np.sqrt(np.linalg.det(vectors @ vectors.T)))
    volume = volume_A3(atoms)
    try:
        virial = None if volume is None else atoms.get_stress() * volume
    except PropertyNotImplementedError:
        virial = None
    stress = None if virial is None else tuple(float(v) / size * units.per_eV_and_A for v in virial)
    return PeriodicSize(units, size, stress)
