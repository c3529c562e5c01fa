"""Starts of the relaxation of a defect: the atoms around it, moved.

A defect that is built into a perfect crystal often lies on a saddle, where symmetry leaves no force along the way to
the minimum. Several starts find the minimum: atoms around the defect moved towards it, away from it, and at random.
The idea is that of ShakeNBreak: I. Mosquera-Lois et al., npj Comput. Mater. 9, 25 (2023).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SHELL: Final = 1.25
"""Atoms closer to the defect than this multiple of the smallest distance are around it."""
BREATHING_A: Final = 0.3
NOISE_A: Final = 0.05
"""Breaks the symmetry of the starts that move all atoms alike."""
RATTLE_A: Final = 0.2
"""Standard deviation of each coordinate; in silicon, 0.1 Å falls back to the saddle."""


class Start(NamedTuple):
    """One start.

    Attributes:
        shift: (vectors (n, 3) from the defect to the atoms around it, random generator) → (n, 3) displacements; Å.
        help: what it is.
    """

    shift: Callable[[FloatArray, np.random.Generator], FloatArray]
    help: str


def _radial(distance_A: float, vectors: FloatArray, rng: np.random.Generator) -> FloatArray:
    """All atoms alike along their vectors, with noise."""
    away = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(distance_A * away + NOISE_A * rng.normal(size=vectors.shape))


def _split(vectors: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The first atom halfway to the defect, with noise."""
    shifts = NOISE_A * rng.normal(size=vectors.shape)
    shifts[0] -= 0.5 * vectors[0]
    return shifts


STARTS: Final[dict[str, Start]] = {
    "unrattled": Start(lambda vectors, _: np.zeros_like(vectors), "as built, which keeps its symmetry"),
    "inward": Start(lambda vectors, rng: _radial(-BREATHING_A, vectors, rng), f"neighbours {BREATHING_A} Å closer"),
    "outward": Start(lambda vectors, rng: _radial(BREATHING_A, vectors, rng), f"neighbours {BREATHING_A} Å farther"),
    "random": Start(
        lambda vectors, rng: RATTLE_A * rng.normal(size=vectors.shape), f"neighbours rattled by {RATTLE_A} Å"
    ),
    "split": Start(_split, "one neighbour halfway to the defect, as in a split vacancy"),
}
"""Name → start."""


def started(defect: Atoms, centre: FloatArray, name: str) -> Atoms:
    """A defect with the atoms around it moved; the same name gives the same displacements.

    Args:
        defect: supercell with the defect.
        centre: (3,) Å, its place.
        name: a key of ``STARTS``.
    """
    moved: Atoms = defect.copy()
    vectors, distances = find_mic(moved.positions - centre, moved.cell)
    apart = np.where(distances > 0.1, distances, np.inf)  # an atom at the place itself has no direction
    near = np.flatnonzero(apart < SHELL * apart.min())
    moved.positions[near] += STARTS[name].shift(vectors[near], np.random.default_rng(0))
    return moved
