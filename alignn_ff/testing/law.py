"""What a law is: a row with a title, a measurement and its cases. Pytest and ``alignn-ff check`` run the same rows.

In: a :class:`Setting`, which is a force field with tolerances. Out: :class:`Measured`, figures with their limits.
"""

import math
import unittest
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from alignn_ff.testing.structures import BOND_A, structure
from alignn_ff.testing.subjects import FloatArray, Results, Subject

Nature = Literal["law", "smoothness", "judgement", "figure"]
"""A law holds for every force field; smoothness for those that claim it; a judgement is about this potential's physics;
a figure has no limit."""

QUICK_STRUCTURES: Final = ("rattled bulk", "slab with a cell", "molecule", "left-handed cell", "skewed tiny cell")


class DoesNotApplyError(unittest.SkipTest):
    """A law does not apply to a force field; the message is the reason. Pytest reports the test as skipped."""


class Tolerances(NamedTuple):
    """How far two numbers may differ; the defaults are for float64.

    Attributes:
        same: absolute, energies in eV, forces in eV/Å and stress in eV/Å³ that should be equal.
        turned: absolute, forces and stress after a rotation.
        relative: of forces and stress to finite differences.
        forces: absolute, of forces to finite differences, eV/Å.
        stress: absolute, of stress to finite differences, eV/Å³.
        step_A: of atoms, for finite differences.
        strain_step: of the strain, for finite differences.
        explained: energy of a scan that the forces do not explain, eV.
        jump: of a force in a scan, relative to the largest force there, at least to 1 eV/Å.
    """

    same: float = 1e-9
    turned: float = 1e-8
    relative: float = 1e-6
    forces: float = 1e-7
    stress: float = 1e-9
    step_A: float = 2e-4
    strain_step: float = 5e-5
    explained: float = 2e-5
    jump: float = 1e-4


TOLERANCES: Final[dict[str, Tolerances]] = {
    "float64": Tolerances(),
    "float32": Tolerances(
        same=2e-4,
        turned=5e-4,
        relative=2e-3,
        forces=5e-3,
        stress=5e-4,
        step_A=1e-2,
        strain_step=2e-3,
        explained=2e-4,
        jump=2e-3,
    ),
}
"""Precision of a force field → tolerances."""


class Effort(NamedTuple):
    """How much a law measures.

    Attributes:
        scan_points: of a scan, before it is refined.
        md_steps: of a dynamics run.
        n_pairs: pairs of elements whose dimers are scanned, at most.
        moved_atoms: atoms of a structure that are moved for finite differences, at most.
    """

    scan_points: int = 60
    md_steps: int = 50
    n_pairs: int = 10
    moved_atoms: int = 24


class Setting(NamedTuple):
    """A force field, and how it is measured.

    Attributes:
        subject: gives energies, forces and stress.
        tolerances: of its precision.
        scale: factor on the example structures, whose bonds are 2.35 Å long without it.
        cutoffs_A: where its interactions end; empty if not known.
        structures: name → structure, beside the examples.
        effort: of scans and runs.
    """

    subject: Subject
    tolerances: Tolerances = Tolerances()
    scale: float = 1.0
    cutoffs_A: tuple[float, ...] = ()
    structures: Mapping[str, Atoms] = {}
    effort: Effort = Effort()

    def example(self, name: str) -> Atoms:
        """A fresh copy of a structure by name; the examples are made of the elements of the force field."""
        if name in self.structures:
            copy: Atoms = self.structures[name].copy()
            return copy
        atoms = structure(name, self.subject.elements)
        if self.scale != 1.0:
            atoms.positions *= self.scale
            atoms.set_cell(atoms.cell.array * self.scale)
        return atoms

    def results(self, atoms: Atoms) -> Results:
        """Energy, forces and stress of one structure."""
        return self.subject.results([atoms])[0]

    @property
    def sums_in_order(self) -> bool:
        """Whether the same input has to give the same bits: a GPU sums in an order that may change."""
        potential = self.subject.potential
        return potential is None or potential.device.type == "cpu"

    @property
    def bond_length(self) -> float:
        """Bond length of the examples, Å."""
        return BOND_A * self.scale


def natural_scale(elements: Sequence[int]) -> float:
    """Factor on the examples that makes their bonds as long as covalent radii suggest.

    It is at least 0.8: in a denser structure of light elements, an atom would have hundreds of neighbours.
    """
    radius = float(np.mean([covalent_radii[z] for z in elements[:8]]))
    return float(np.clip(radius / covalent_radii[14], 0.8, 1.5))


class Figure(NamedTuple):
    """One measured number.

    Attributes:
        quantity: what it is.
        value: measured.
        limit: largest value that is allowed; None means that there is none.
        unit: of both.
        note: where or how it was found.
    """

    quantity: str
    value: float
    limit: float | None
    unit: str
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value keeps its limit; NaN does not."""
        return self.limit is None or self.value <= self.limit

    @property
    def strain(self) -> float:
        """The value in units of its limit."""
        if self.limit is None:
            return 0.0
        if math.isnan(self.value):
            return math.inf
        return self.value / self.limit if self.limit > 0 else (math.inf if self.value > 0 else 0.0)

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" (limit {self.limit:.3g} {self.unit})"
        note = f", {self.note}" if self.note else ""
        return f"{self.quantity} {self.value:.3g} {self.unit}{limit}{note}"


class Curve(NamedTuple):
    """Numbers to be drawn.

    Attributes:
        title: what was scanned.
        x_label, y_label: of the axes, with units.
        x, y: the points.
        marks: places on the x axis that have a meaning.
    """

    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    marks: tuple[float, ...] = ()


class Measured(NamedTuple):
    """What a law found in one case."""

    figures: tuple[Figure, ...]
    curves: tuple[Curve, ...] = ()

    @property
    def worst(self) -> Figure:
        """The figure that is nearest to its limit, or farthest above it."""
        return max(self.figures, key=lambda figure: figure.strain)

    def require(self) -> None:
        """Check that all figures keep their limits.

        Raises:
            AssertionError: naming each that does not.
        """
        broken = [str(figure) for figure in self.figures if not figure.holds]
        assert not broken, "; ".join(broken)


Values = Mapping[str, object]


def _any_structure(_atoms: Atoms) -> bool:
    return True


@dataclass(frozen=True)
class Law:
    """A row of the table of laws.

    Attributes:
        help: the law in a few words.
        measured: what its figure is.
        measure: (setting, **case) → figures; raises :class:`DoesNotApplyError`.
        nature: see :data:`Nature`.
        cases: parameter → name of each value → value.
        quick: parameter → names of the values that a quick check uses; all without an entry.
        of_potentials: whether it needs a potential of this package, not only energies, forces and stress.
        in_contracts: whether test classes run it.
        suits: whether it applies to a structure of the user, for laws with a parameter ``name``.
        only_slow: whether a quick check leaves it out.
    """

    help: str
    measured: str
    measure: Callable[..., Measured]
    nature: Nature = "law"
    cases: Mapping[str, Values] = field(default_factory=dict)
    quick: Mapping[str, Sequence[str]] = field(default_factory=dict)
    of_potentials: bool = False
    in_contracts: bool = True
    suits: Callable[[Atoms], bool] = _any_structure
    only_slow: bool = False


def named(values: Sequence[Any]) -> Values:
    """Values that are their own names."""
    return {str(value): value for value in values}


def gap(found: NDArray[Any] | float, expected: NDArray[Any] | float) -> float:
    """Largest absolute difference; NaN equals NaN, and a NaN on one side only gives NaN."""
    first, second = np.atleast_1d(found), np.atleast_1d(expected)
    if first.shape != second.shape:
        return math.inf
    both = np.isnan(first) & np.isnan(second)
    return float(np.abs(np.where(both, 0.0, first - second)).max(initial=0.0))


def equal(found: Results, expected: Results, *, same: float, turned: float | None = None) -> tuple[Figure, ...]:
    """Figures of energy, forces and stress that should be equal.

    Args:
        found, expected: of two structures.
        same: limit of the energy, and of the others.
        turned: limit of forces and stress, if it is another.
    """
    others = same if turned is None else turned
    return (
        Figure("energy", gap(found.energy, expected.energy), same, "eV"),
        Figure("forces", gap(found.forces, expected.forces), others, "eV/Å"),
        Figure("stress", gap(found.stress, expected.stress), others, "eV/Å³"),
    )


def relative_limit(values: FloatArray, *, relative: float, absolute: float) -> float:
    """Limit of a difference, from the largest magnitude of the numbers."""
    return absolute + relative * float(np.abs(values).max(initial=0.0))
