"""Supercells that are wide enough: the smallest matrix whose perpendicular widths reach a limit.

Lengths of lattice vectors are the wrong measure for oblique cells: six primitive vectors of face-centred cubic silicon
are 23 Å long, and the faces are 19 Å apart.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.cells import face_distances_A
from alignn_ff.errors import ConfigError
from alignn_ff.properties.supercells import repeats_for_width

Matrix = NDArray[np.int64]
LONGEST_TRIED: Final = 3.0
"""Cubic-like supercells are tried up to this multiple of the smallest width."""


def supercell_matrix(primitive: Atoms, rotations: NDArray[np.int32], *, min_width_A: float, max_atoms: int) -> Matrix:
    """(3, 3) whole numbers M; the rows of M·cell are the vectors of the supercell.

    The diagonal matrix and a cubic-like one are compared; of those that every symmetry operation of the crystal maps
    onto themselves, the one with the fewest atoms is taken.

    Args:
        primitive: the cell that is repeated.
        rotations: of the point group, acting on fractional coordinates (columns).
        min_width_A: smallest distance between opposite faces.
        max_atoms: of the supercell.

    Raises:
        ConfigError: it would have more atoms.
    """
    found = [m for m in _candidates(primitive, min_width_A) if keeps_symmetry(m, rotations)]
    best = min(found or [_diagonal(primitive, min_width_A)], key=lambda m: round(abs(np.linalg.det(m))))
    check_size(primitive, best, max_atoms, min_width_A)
    return best


def check_size(primitive: Atoms, matrix: Matrix, max_atoms: int, min_width_A: float | None = None) -> None:
    """Refuse a supercell that is too large.

    Raises:
        ConfigError: with the number of atoms.
    """
    n_atoms = len(primitive) * round(abs(np.linalg.det(matrix)))
    if n_atoms > max_atoms:
        wide = "" if min_width_A is None else f" to be {min_width_A:g} Å wide, or take a smaller --min-width"
        raise ConfigError(
            f"the supercell {matrix.tolist()} of {len(primitive)} atoms needs {n_atoms} atoms, more than --max-atoms "
            f"{max_atoms}; allow more{wide}"
        )


def keeps_symmetry(matrix: Matrix, rotations: NDArray[np.int32]) -> bool:
    """Whether every rotation maps the lattice of the supercell onto itself."""
    columns = matrix.T.astype(float)
    inverse = np.linalg.inv(columns)
    turned = (inverse @ rotation @ columns for rotation in rotations)
    return all(np.allclose(one, np.rint(one), atol=1e-6) for one in turned)


def widths_A(primitive: Atoms, matrix: Matrix) -> NDArray[np.float64]:  # noqa: N802 - the unit's letter
    """(3,) Å, distances between opposite faces of the supercell."""
    return face_distances_A(matrix @ primitive.cell.array)


def _candidates(primitive: Atoms, min_width: float) -> Iterator[Matrix]:
    yield _diagonal(primitive, min_width)
    inverse = np.linalg.inv(primitive.cell.array)
    seen = set()
    for length in np.arange(min_width, LONGEST_TRIED * min_width, 0.25):
        matrix = np.rint(length * inverse).astype(np.int64)
        if matrix.tobytes() in seen or round(abs(np.linalg.det(matrix))) == 0:
            continue
        seen.add(matrix.tobytes())
        if widths_A(primitive, matrix).min() >= min_width - 1e-6:
            yield matrix if np.linalg.det(matrix) > 0 else -matrix
            return


def _diagonal(primitive: Atoms, min_width: float) -> Matrix:
    """The smallest repetitions along the three vectors."""
    return np.diag(np.array(repeats_for_width(primitive, min_width), dtype=np.int64))
