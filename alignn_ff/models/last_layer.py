"""Uncertainty of one model: how far the inputs of its last layer are from those of the training data.

The energy is linear in the inputs f of the last layer, so a Gaussian approximation of that layer has, for the energy
per atom, the variance α²·fᵀ(F + ς)⁻¹f (Bigi, Chong, Ceriotti and Grasselli, Mach. Learn.: Sci. Technol. 5, 045018
(2024)). F is the sum of f·fᵀ over the training structures, and f the mean over the atoms of a structure. ς and α are
fitted to errors on structures that were not trained on.

Forces and stress are linear in the same weights: with φ the sum of f over the atoms, the variance of a component of a
force is α²·(∂φ/∂x)ᵀ(F + ς)⁻¹(∂φ/∂x), with α and ς of their own.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Posterior(NamedTuple):
    """Scale α (eV per atom) and regulariser ς (in units of the mean of the diagonal of F) of one quantity."""

    scale: float
    regulariser: float


class LastLayerRecord(NamedTuple):
    """What a model file holds of the last layer beside the matrix F.

    Attributes:
        n_features: width of F.
        scale: α, eV per atom.
        regulariser: ς, in units of the mean of the diagonal of F.
        n_structures: number of training structures in F.
        n_held_out: number of structures that scale and regulariser were fitted to.
        forces: fitted to errors of forces; None takes those of energies.
        stress: fitted to errors of stresses; None takes those of energies.
    """

    n_features: int
    scale: float
    regulariser: float
    n_structures: int
    n_held_out: int
    forces: Posterior | None = None
    stress: Posterior | None = None

    @property
    def energy(self) -> Posterior:
        """Scale and regulariser of energies."""
        return Posterior(self.scale, self.regulariser)


class LastLayer(nn.Module):
    """The matrix F of a model, and the variances that follow from it."""

    covariance: Tensor

    def __init__(self, record: LastLayerRecord) -> None:
        super().__init__()
        self.record = record
        self.register_buffer("covariance", torch.eye(record.n_features, dtype=torch.float64))

    def deviations(self, features: Tensor) -> Tensor:
        """Standard deviations of energies per atom.

        Args:
            features: (n, n_features) means over the atoms of structures, or those of single atoms.

        Returns:
            (n,) float64, eV per atom.
        """
        return self.record.scale * unscaled_deviations(self.covariance, features, self.record.regulariser)

    def derivative_weights(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """(n_features,) α²/(λ + ς) of forces and of stress, for the eigenvalues that :func:`principal` gives."""
        known = (self.record.forces or self.record.energy, self.record.stress or self.record.energy)
        of_forces, of_stress = (each.scale**2 / regularised(values, each.regulariser) for each in known)
        return of_forces, of_stress


class Principal(NamedTuple):
    """Eigenvalues of F, ascending, and its eigenvectors in columns."""

    values: Tensor
    axes: Tensor


def principal(covariance: Tensor) -> Principal:
    """The axes in which F is diagonal.

    Args:
        covariance: (n_features, n_features) F, float64.
    """
    return Principal(*torch.linalg.eigh(covariance))


def regularised(values: Tensor, regulariser: float) -> Tensor:
    """(n_features,) λ + ς of eigenvalues λ, with ς in units of their mean."""
    ridge = regulariser * values.mean().clamp(min=torch.finfo(torch.float64).tiny)
    return values.clamp(min=0.0) + ridge


def unscaled_deviations(covariance: Tensor, features: Tensor, regulariser: float) -> Tensor:
    """(n,) roots of fᵀ(F + ς)⁻¹f.

    Args:
        covariance: (n_features, n_features) F, float64.
        features: (n, n_features).
        regulariser: ς, in units of the mean of the diagonal of F.
    """
    values, axes = principal(covariance)
    along = (features.double() @ axes).square()
    variance: Tensor = (along / regularised(values, regulariser)).sum(1)
    return variance.sqrt()
