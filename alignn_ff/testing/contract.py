"""The physics contract of a force field of this package, and of any ASE calculator.

A test class inherits a contract and brings a fixture ``potential``; pytest then runs every law of the table
:data:`~alignn_ff.testing.table.LAWS` that its kind has. :func:`~alignn_ff.testing.cases.broken_laws` runs them without
pytest.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from ase import Atoms
from ase.calculators.calculator import Calculator

from alignn_ff.potential import Potential
from alignn_ff.testing.cases import Contract, method_of
from alignn_ff.testing.differences import Quantities
from alignn_ff.testing.law import Law, Measured, Setting, Tolerances
from alignn_ff.testing.physics.smoothness import closing
from alignn_ff.testing.subjects import CalculatorSubject, PotentialSubject, Results, Subject
from alignn_ff.testing.table import LAWS

AnyPotential = TypeVar("AnyPotential")


class GeometryLaws(Contract, ABC, Generic[AnyPotential]):
    """The laws, for whatever a fixture ``potential`` gives.

    Attributes:
        tolerances: how far numbers may differ.
    """

    tolerances: ClassVar[Tolerances] = Tolerances()

    @classmethod
    def has(cls, law: Law) -> bool:
        """Whether a law of the table belongs to this contract."""
        return law.in_contracts and law.nature == "law" and not law.of_potentials

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Give the class a method for each law that it has and does not define itself."""
        super().__init_subclass__(**keywords)
        for name, law in LAWS.items():
            if cls.has(law) and not hasattr(cls, f"test_{name}"):
                setattr(cls, f"test_{name}", method_of(name, law))

    @abstractmethod
    def subject(self, potential: AnyPotential) -> Subject:
        """What the laws ask for numbers."""

    def setting(self, potential: AnyPotential) -> Setting:
        """The force field with the tolerances of this contract."""
        return Setting(self.subject(potential), self.tolerances)

    def example(self, potential: AnyPotential, name: str) -> Atoms:
        """An example structure made of the potential's own elements."""
        return self.setting(potential).example(name)

    def results(self, potential: AnyPotential, atoms: Atoms) -> Results:
        """Energy, forces and stress of one structure."""
        return self.setting(potential).results(atoms)


class PotentialContract(GeometryLaws[Potential]):
    """Laws of every potential of this package; ``potential`` gives one in float64."""

    @classmethod
    def has(cls, law: Law) -> bool:
        """See :class:`GeometryLaws`."""
        return law.in_contracts and law.nature == "law"

    def subject(self, potential: Potential) -> PotentialSubject:
        """See :class:`GeometryLaws`."""
        return PotentialSubject(potential)

    def setting(self, potential: Potential) -> Setting:
        """See :class:`GeometryLaws`."""
        recipe = potential.header.graph
        return Setting(self.subject(potential), self.tolerances, cutoffs_A=(recipe.line_cutoff, recipe.cutoff))


class PhysicsContract(PotentialContract):
    """All laws, with those of smooth energies; ``potential`` gives one in float64."""

    @classmethod
    def has(cls, law: Law) -> bool:
        """See :class:`GeometryLaws`."""
        return law.in_contracts and law.nature in ("law", "smoothness")


class CalculatorContract(GeometryLaws[Calculator]):
    """Laws of any ASE calculator; ``potential`` gives one, and a subclass states its elements.

    Attributes:
        elements: atomic numbers that the calculator covers.
        cutoff_A: where its pair interactions end, if energy and forces should be continuous; None skips these laws.
    """

    elements: ClassVar[tuple[int, ...]]
    cutoff_A: ClassVar[float | None] = None

    @classmethod
    def has(cls, law: Law) -> bool:
        """See :class:`GeometryLaws`."""
        smooth = law.nature == "smoothness" and cls.cutoff_A is not None
        return law.in_contracts and not law.of_potentials and (law.nature == "law" or smooth)

    def subject(self, potential: Calculator) -> CalculatorSubject:
        """See :class:`GeometryLaws`."""
        return CalculatorSubject(potential, self.elements)

    def setting(self, potential: Calculator) -> Setting:
        """See :class:`GeometryLaws`."""
        cutoffs = () if self.cutoff_A is None else (self.cutoff_A,)
        return Setting(self.subject(potential), self.tolerances, cutoffs_A=cutoffs)


def assert_closing(quantities: Quantities) -> None:
    """Quantities have equal limits from both sides of t = 0, and their gap closes like t.

    Raises:
        AssertionError: a figure exceeds its limit.
    """
    Measured(closing(quantities)).require()
