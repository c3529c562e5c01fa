"""Uncertainty of an energy from one model: how far the inputs of its last layer are from those of the training data.

The energy is linear in the inputs f of the last layer, so a Gaussian approximation of that layer has, for the energy
per atom, the variance α²·fᵀ(F + ς)⁻¹f (Bigi, Chong, Ceriotti and Grasselli, Mach. Learn.: Sci. Technol. 5, 045018
(2024)). F is the sum of f·fᵀ over the training structures, and f the mean over the atoms of a structure. ς and α are
fitted to errors on structures that were not trained on.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class LastLayerRecord(NamedTuple):
    """What a model file holds of the last layer beside the matrix F.

    Attributes:
        n_features: width of F.
        scale: α, eV per atom.
        regulariser: ς, in units of the mean of the diagonal of F.
        n_structures: number of training structures in F.
        n_held_out: number of structures that scale and regulariser were fitted to.
    """

    n_features: int
    scale: float
    regulariser: float
    n_structures: int
    n_held_out: int


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


def unscaled_deviations(covariance: Tensor, features: Tensor, regulariser: float) -> Tensor:
    """(n,) roots of fᵀ(F + ς)⁻¹f.

    Args:
        covariance: (n_features, n_features) F, float64.
        features: (n, n_features).
        regulariser: ς, in units of the mean of the diagonal of F.
    """
    values, axes = torch.linalg.eigh(covariance)
    ridge = regulariser * values.mean().clamp(min=torch.finfo(torch.float64).tiny)
    along = (features.double() @ axes).square()
    variance: Tensor = (along / (values.clamp(min=0.0) + ridge)).sum(1)
    return variance.sqrt()
