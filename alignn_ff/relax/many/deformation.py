"""Positions and cells of many structures as coordinates of an optimiser: the same as those of :class:`StrainFilter`.

A structure has the strain U (symmetric, the logarithm of its deformation F = exp(U)) and positions z without the
deformation: cell = cell₀·F, x = z·F. Here all exponentials and their derivatives are taken at once, from eigenvalues:
the derivative of exp at U along W is V·(Φ ∘ VᵀWV)·Vᵀ with Φ_ij = (exp λ_i − exp λ_j)/(λ_i − λ_j) (Daleckii and Krein).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrices = NDArray[np.float64]
"""(n, 3, 3)."""


class Deformation(NamedTuple):
    """Deformations of n structures.

    Attributes:
        strain: (n, 3), eigenvalues of U.
        axes: (n, 3, 3), eigenvectors in columns.
        matrix: (n, 3, 3), F.
    """

    strain: NDArray[np.float64]
    axes: Matrices
    matrix: Matrices


def deformation(strain: Matrices) -> Deformation:
    """F = exp(U) of symmetric strains."""
    values, axes = np.linalg.eigh(strain)
    matrix = np.einsum("nia,na,nja->nij", axes, np.exp(values), axes)
    matrix[~strain.any(axis=(1, 2))] = np.eye(3)
    return Deformation(values, axes, matrix)


def strain_gradient(at: Deformation, virial: Matrices) -> Matrices:
    """−∂energy/∂U.

    Args:
        at: deformations.
        virial: −volume · stress, symmetric, eV.
    """
    half = 0.5 * (at.strain[:, :, None] - at.strain[:, None, :])
    mean = 0.5 * (at.strain[:, :, None] + at.strain[:, None, :])
    ratio = np.divide(np.sinh(half), half, out=np.ones_like(half), where=np.abs(half) > 1e-8)
    along = np.einsum("nia,nij,njb->nab", at.axes, virial, at.axes) * np.exp(-at.strain)[:, None, :]
    return np.asarray(np.einsum("nia,nab,njb->nij", at.axes, np.exp(mean) * ratio * along, at.axes))
