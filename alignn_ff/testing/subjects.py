"""What the laws ask of a force field: energies, forces and stress of structures, and which elements it covers.

In: a potential of this package, or any ASE calculator. Out: a :class:`Subject`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from numpy.typing import NDArray

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.potential import Potential

FloatArray = NDArray[np.float64]


class Results(NamedTuple):
    """Of one structure.

    Attributes:
        energy: eV.
        forces: (n_atoms, 3) eV/Å.
        stress: (3, 3) eV/Å³, tension positive; NaN where there is none.
    """

    energy: float
    forces: FloatArray
    stress: FloatArray


class Subject(Protocol):
    """A force field as the laws see it."""

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers of the elements that structures may have."""

    @property
    def potential(self) -> Potential | None:
        """The potential of this package; None for a calculator of another one."""

    @property
    def has_stress(self) -> bool:
        """Whether it reports a stress where the cell has a volume."""

    @property
    def takes_singular_cells(self) -> bool:
        """Whether an axis without periodicity may hold a vector that makes the cell singular."""

    def calculator(self) -> Calculator:
        """An ASE calculator with the same numbers."""

    def energies(self, structures: Sequence[Atoms]) -> FloatArray:
        """(n_structures,) reported energies, eV."""

    def results(self, structures: Sequence[Atoms]) -> list[Results]:
        """Energy, forces and stress of each structure."""


@dataclass(frozen=True)
class PotentialSubject:
    """A potential of this package."""

    potential: Potential
    batch_size: int = 64
    has_stress: ClassVar[bool] = True
    takes_singular_cells: ClassVar[bool] = True

    @property
    def elements(self) -> tuple[int, ...]:
        """See :class:`Subject`."""
        return self.potential.header.elements

    def calculator(self) -> Calculator:
        """See :class:`Subject`."""
        return AlignnCalculator(self.potential, outside="ignore")

    def energies(self, structures: Sequence[Atoms]) -> FloatArray:
        """See :class:`Subject`."""
        predictions = self.potential.predict(structures, derivatives=False, batch_size=self.batch_size)
        return np.array([prediction.energy for prediction in predictions])

    def results(self, structures: Sequence[Atoms]) -> list[Results]:
        """See :class:`Subject`."""
        found = []
        for prediction in self.potential.predict(structures, batch_size=self.batch_size):
            assert prediction.energy is not None
            assert prediction.forces is not None
            assert prediction.stress is not None
            found.append(Results(prediction.energy, prediction.forces, prediction.stress))
        return found


@dataclass(frozen=True)
class CalculatorSubject:
    """An ASE calculator.

    Attributes:
        ase: gives energy and forces, and stress if it can.
        elements: atomic numbers that it covers.
    """

    ase: Calculator
    elements: tuple[int, ...]
    potential: ClassVar[None] = None
    takes_singular_cells: ClassVar[bool] = False

    @property
    def has_stress(self) -> bool:
        """See :class:`Subject`."""
        return "stress" in self.ase.implemented_properties

    def calculator(self) -> Calculator:
        """See :class:`Subject`."""
        return self.ase

    def energies(self, structures: Sequence[Atoms]) -> FloatArray:
        """See :class:`Subject`."""
        return np.array([float(self._atoms(atoms).get_potential_energy()) for atoms in structures])

    def results(self, structures: Sequence[Atoms]) -> list[Results]:
        """See :class:`Subject`."""
        return [self._results(self._atoms(atoms)) for atoms in structures]

    def _atoms(self, atoms: Atoms) -> Atoms:
        copy: Atoms = atoms.copy()
        copy.calc = self.ase
        return copy

    def _results(self, atoms: Atoms) -> Results:
        energy, forces = float(atoms.get_potential_energy()), np.array(atoms.get_forces())
        try:
            stress = np.array(atoms.get_stress(voigt=False))
        except (PropertyNotImplementedError, ValueError):  # ASE has no volume for it
            stress = np.full((3, 3), np.nan)
        return Results(energy, forces, stress)
