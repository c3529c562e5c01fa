"""Voigt's notation: strains, fourth-rank tensors as 6×6 matrices, averages over a point group.

Order xx yy zz yz xz xy; strains hold engineering shears, stresses do not.
J. F. Nye, Physical Properties of Crystals (1957).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
PAIRS: Final = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
NAMES: Final = ("xx", "yy", "zz", "yz", "xz", "xy")


def strain_matrix(voigt: Sequence[float] | Matrix) -> Matrix:
    """(3, 3) symmetric strain of (6,) engineering strains."""
    strain = np.zeros((3, 3))
    for value, (i, j) in zip(voigt, PAIRS, strict=True):
        strain[i, j] = strain[j, i] = value if i == j else 0.5 * value
    return strain


def voigt_stress(stress: Matrix) -> Matrix:
    """(6,) of a (3, 3) stress."""
    return np.array([0.5 * (stress[i, j] + stress[j, i]) for i, j in PAIRS])


def as_tensor(matrix: Matrix) -> Matrix:
    """(3, 3, 3, 3) stiffness of a (6, 6) matrix."""
    tensor = np.zeros((3, 3, 3, 3))
    for a, (i, j) in enumerate(PAIRS):
        for b, (k, m) in enumerate(PAIRS):
            for first in {(i, j), (j, i)}:
                for second in {(k, m), (m, k)}:
                    tensor[(*first, *second)] = matrix[a, b]
    return tensor


def as_matrix(tensor: Matrix) -> Matrix:
    """(6, 6) of a (3, 3, 3, 3) stiffness."""
    return np.array([[tensor[i, j, k, m] for k, m in PAIRS] for i, j in PAIRS])


def rotated(tensor: Matrix, rotation: Matrix) -> Matrix:
    """A fourth-rank tensor in axes turned by a (3, 3) orthogonal matrix."""
    turned: Matrix = np.einsum("ia,jb,kc,ld,abcd->ijkl", *[rotation] * 4, tensor, optimize=True)
    return turned


def averaged(matrix: Matrix, rotations: Sequence[Matrix]) -> Matrix:
    """A (6, 6) stiffness averaged over Cartesian rotations of a point group."""
    tensor = as_tensor(0.5 * (matrix + matrix.T))
    return as_matrix(np.mean([rotated(tensor, rotation) for rotation in rotations], axis=0))
