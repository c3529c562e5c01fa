"""Kinds of data: what a group of labelled structures is like, errors of a model on it, and how near a structure is."""

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field

from alignn_ff.cells import empty_axes
from alignn_ff.domain.environments import volume_per_atom_A3

Shape = Literal["molecule", "chain", "slab", "bulk"]
SHAPES: Final[tuple[Shape, ...]] = ("molecule", "chain", "slab", "bulk")
"""By the number of periodic directions without vacuum."""

ERRORS: Final = ("force_MAE_eV_per_A", "energy_MAE_meV_per_atom", "stress_MAE_GPa")
"""Errors by which models are compared, the first one first."""

FORCES_BY_SYMMETRY: Final = 1e-6
"""Forces with smaller errors vanish by symmetry, so their errors say nothing about the model, eV/Å."""


class KindErrors(BaseModel):
    """Errors of a model on one kind of data that it was not trained on.

    Attributes:
        kind: name of the group, such as a ``config_type``.
        n_structures: in it.
        shapes: of its structures.
        elements: chemical symbols in it.
        volume_per_atom_A3: lowest and highest of its bulk structures; None without any.
        metrics: errors, with the unit in the name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    n_structures: Annotated[int, Field(ge=1)]
    shapes: tuple[Shape, ...]
    elements: tuple[str, ...]
    volume_per_atom_A3: tuple[float, float] | None = None
    metrics: dict[str, float]

    @property
    def error(self) -> float:
        """The first of ``ERRORS`` that is known; infinity without any."""
        return next((self.metrics[name] for name in self._telling), math.inf)

    @property
    def _telling(self) -> tuple[str, ...]:
        """Those of ``ERRORS`` that say something about the model."""
        by_symmetry = self.metrics.get(ERRORS[0], math.inf) < FORCES_BY_SYMMETRY
        return tuple(name for name in ERRORS[by_symmetry:] if name in self.metrics)

    def distance(self, structure: Atoms) -> tuple[int, int, float]:
        """How far a structure is: missing elements, steps between the shapes, logarithm of the ratio of volumes."""
        missing = len({*structure.symbols} - {*self.elements})
        place = SHAPES.index(shape_of(structure))
        steps = min((abs(SHAPES.index(shape) - place) for shape in self.shapes), default=len(SHAPES))
        volume, known = volume_per_atom_A3(structure), self.volume_per_atom_A3
        if volume is None or known is None:
            return missing, steps, 0.0
        return missing, steps, max(0.0, math.log(known[0] / volume), math.log(volume / known[1]))

    def in_words(self) -> str:
        """Errors on this kind, as in "0.05 eV/Å, 1.5 meV/atom on Surface (held out)"."""
        shown = [f"{self.metrics[name]:.3g} {unit_of(name)}" for name in self._telling]
        structures = "structure" if self.n_structures == 1 else "structures"
        return f"{', '.join(shown)} on {self.kind} ({self.n_structures} {structures} held out)"


def described_kind(kind: str, structures: Sequence[Atoms], metrics: dict[str, float]) -> KindErrors:
    """A kind with the errors of a model on its structures."""
    volumes = [volume for atoms in structures if (volume := volume_per_atom_A3(atoms)) is not None]
    present = {shape_of(atoms) for atoms in structures}
    return KindErrors(
        kind=kind,
        n_structures=len(structures),
        shapes=tuple(shape for shape in SHAPES if shape in present),
        elements=tuple(sorted({str(symbol) for atoms in structures for symbol in atoms.symbols})),
        volume_per_atom_A3=(round(min(volumes), 3), round(max(volumes), 3)) if volumes else None,
        metrics=metrics,
    )


def nearest(kinds: Sequence[KindErrors], structure: Atoms) -> KindErrors | None:
    """The kind that a structure is most like; None without any."""
    return min(kinds, key=lambda kind: (kind.distance(structure), kind.kind), default=None)


def shape_of(atoms: Atoms) -> Shape:
    """Molecule, chain, slab or bulk: the number of periodic directions without vacuum."""
    empty = empty_axes(atoms, atoms.pbc)
    n_periodic = sum(bool(periodic) and name not in empty for name, periodic in zip("abc", atoms.pbc, strict=True))
    shape: Shape = SHAPES[n_periodic]
    return shape


def unit_of(metric: str) -> str:
    """The unit at the end of the name of an error."""
    known = {"_meV_per_atom": "meV/atom", "_eV_per_A": "eV/Å", "_GPa": "GPa"}
    return next((unit for ending, unit in known.items() if metric.endswith(ending)), "")
