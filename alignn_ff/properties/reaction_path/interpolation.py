"""The first guess of a path: images between two ends, on an image-dependent pair potential.

Interpolated distances instead of interpolated positions keep atoms from running into each other: S. Smidstrup et al.,
J. Chem. Phys. 140, 214106 (2014). Pairs are taken with their periodic images, which stay the same along the path.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.mep import NEB
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from alignn_ff.relax.optimizers import OPTIMIZERS

FloatArray = NDArray[np.float64]

PAIR_CUTOFF_A: Final = 6.0
"""Pairs that come closer than this on the straight path; the weights 1/d⁴ of others are below 1/1000 Å⁻⁴."""
SHORTEST_A: Final = 0.5
"""Straight paths on which atoms come closer than this are disturbed, since the force would have no direction."""
GUESS_FMAX: Final = 0.01
GUESS_STEPS: Final = 200


class PairDistances(Calculator):
    """Half the sum of (d − target)²/d⁴ over pairs; dimensionless, its length is Å.

    Args:
        pairs: (n_pairs, 2) atoms.
        shifts: (n_pairs, 3) Å, added to the vector from the first to the second atom.
        targets: (n_pairs,) Å.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, pairs: NDArray[np.int64], shifts: FloatArray, targets: FloatArray) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._pairs, self._shifts, self._targets = pairs, shifts, targets

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``self.results``; called by ASE."""
        super().calculate(atoms, list(properties), list(system_changes))  # type: ignore[no-untyped-call]
        assert atoms is not None
        vectors, d = pair_vectors(atoms, self._pairs, self._shifts)
        off = d - self._targets
        slope = off / d**4 * (1.0 - 2.0 * off / d)  # dE/dd
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, self._pairs[:, 0], slope[:, None] * vectors / d[:, None])
        np.add.at(forces, self._pairs[:, 1], -slope[:, None] * vectors / d[:, None])
        self.results = {"energy": float(0.5 * (off**2 / d**4).sum()), "forces": forces}


def first_guess(first: Atoms, last: Atoms, n_images: int) -> list[Atoms]:
    """Both ends and ``n_images`` between them, positions continuous, constraints of ``first`` kept."""
    shares = np.linspace(0.0, 1.0, n_images + 2)
    images = []
    for share in shares:
        image = first.copy()
        image.positions = (1.0 - share) * first.positions + share * last.positions
        images.append(image)
    pairs, shifts = _near_pairs(images)
    if not len(pairs):
        return images
    _move_apart(images[1:-1], pairs, shifts)
    ends = [pair_vectors(atoms, pairs, shifts)[1] for atoms in (first, last)]
    for share, image in zip(shares, images, strict=True):
        image.calc = PairDistances(pairs, shifts, (1.0 - share) * ends[0] + share * ends[1])
    band = NEB(images, method="improvedtangent")
    OPTIMIZERS["fire"].build(band).run(fmax=GUESS_FMAX, steps=GUESS_STEPS)
    for image in images:
        image.calc = None
    return images


def pair_vectors(atoms: Atoms, pairs: NDArray[np.int64], shifts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n_pairs, 3) Å from the first atom to the second, and (n_pairs,) their lengths."""
    vectors = atoms.positions[pairs[:, 1]] - atoms.positions[pairs[:, 0]] + shifts
    return vectors, np.maximum(np.linalg.norm(vectors, axis=1), 1e-3)


def _near_pairs(images: Sequence[Atoms]) -> tuple[NDArray[np.int64], FloatArray]:
    """Pairs of different atoms that are near in any image, each once, with their shifts in Å."""
    found: set[tuple[int, ...]] = set()
    for image in images:
        i, j, shift = neighbor_list("ijS", image, PAIR_CUTOFF_A)
        once = i < j
        found.update(map(tuple, np.column_stack([i, j, shift])[once].tolist()))
    rows = np.array(sorted(found), dtype=np.int64).reshape(-1, 5)
    return rows[:, :2], rows[:, 2:] @ images[0].cell.array


def _move_apart(images: Sequence[Atoms], pairs: NDArray[np.int64], shifts: FloatArray) -> None:
    """Disturb images in which atoms are on top of each other, always in the same way."""
    generator = np.random.default_rng(0)
    for image in images:
        if pair_vectors(image, pairs, shifts)[1].min() < SHORTEST_A:
            image.positions += generator.normal(scale=0.05, size=image.positions.shape)
