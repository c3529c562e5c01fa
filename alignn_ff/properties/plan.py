"""A plan: the pieces of work of a property, as far as they follow from the structure as given."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ase import Atoms

from alignn_ff.properties.config import PropertyConfig

CRYSTAL_STEPS: Final = 12
"""Usual number of steps of a crystal that keeps its symmetry, or that is strained a little."""
ATOMS_STEPS: Final = 40
"""Usual number of steps of many atoms around a defect or at a surface."""


class Part(NamedTuple):
    """Pieces of work of one kind.

    Attributes:
        what: for people, in the plural: "displaced supercells".
        n_structures: how many.
        n_atoms: of each, or of the largest.
        steps: evaluations of each: 1, or about the steps of a relaxation or a run.
    """

    what: str
    n_structures: int
    n_atoms: int
    steps: int = 1

    @property
    def evaluations(self) -> int:
        """In all."""
        return self.n_structures * self.steps


Parts = Sequence[Part]
Plan = Callable[..., Parts]
"""(structures…, config, work) → parts; the arguments are those of the property. It evaluates nothing."""


def first_part(atoms: Atoms, config: PropertyConfig) -> Part:
    """The relaxation of the crystal, which comes first, or its evaluation as given."""
    if config.relax:
        return Part("relaxation of the crystal", 1, len(atoms), CRYSTAL_STEPS)
    return Part("crystal as given", 1, len(atoms))
