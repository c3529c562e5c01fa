"""Uncertainty of one model: how well the labels of its training fix the weights of its last layer.

Energies, forces and stress are linear in these weights: a label has the row x of what multiplies them. For an energy
per atom x is the mean input f of the layer over the atoms of the structure, for a component of a force the derivative
of φ, the sum of f over the atoms, for the stress that with the strain over the volume. With F the sum of x·xᵀ over
training labels, and M that of r²·x·xᵀ with the error r of each, the weights have the covariance

    V = (F + ς)⁻¹ (M + ς′) (F + ς)⁻¹

of H. White, Econometrica 48, 817 (1980), which does not take all labels to be fitted equally well, and a prediction the
variance α²·xᵀVx. ς is a regulariser, in units of the mean of the diagonal of F, and ς′ the same of M: what no training
label shows has a large variance. M proportional to F gives the variance of F. Bigi, S. Chong, M. Ceriotti and
F. Grasselli, Mach. Learn.: Sci. Technol. 5, 045018 (2024). ς and α are fitted to errors on structures that were not
trained on, for each quantity by itself, and so is the choice whether M is that of errors or proportional to F. Energies
have the F and M of energies; forces and stress those of forces or of energies.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Posterior(NamedTuple):
    """Scale α (in the unit of the errors) and regulariser ς (in units of the mean of the diagonal of F)."""

    scale: float
    regulariser: float


class LastLayerRecord(NamedTuple):
    """What a model file holds of the last layer beside the factors of V.

    Attributes:
        n_features: width of F.
        scale: α of energies.
        regulariser: ς of energies.
        n_structures: number of training structures with an energy.
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
    """Factors L of the matrices V = L·Lᵀ of a model, without scales, and the deviations that follow from them.

    Attributes:
        energy_factor, force_factor, stress_factor: (n_features, n_features).
    """

    energy_factor: Tensor
    force_factor: Tensor
    stress_factor: Tensor

    def __init__(self, record: LastLayerRecord) -> None:
        super().__init__()
        self.record = record
        for name in ("energy_factor", "force_factor", "stress_factor"):
            self.register_buffer(name, torch.eye(record.n_features, dtype=torch.float64))

    def deviations(self, features: Tensor) -> Tensor:
        """Standard deviations of energies per atom.

        Args:
            features: (n, n_features) means over the atoms of structures, or those of single atoms.

        Returns:
            (n,) float64, eV per atom.
        """
        found: Tensor = self.record.scale * (features.double() @ self.energy_factor.double()).norm(dim=1)
        return found

    def derivative_deviations(self, forces: Tensor, stress: Tensor) -> tuple[Tensor, Tensor]:
        """Standard deviations of forces and stress.

        Args:
            forces: (n_atoms, 3, n_features) derivatives of the sum of the inputs over all atoms.
            stress: (n_systems, 9, n_features) the same with the strain, over the volume.

        Returns:
            (n_atoms,) eV/Å and (n_systems,) eV/Å³, roots of the variances of all components together.
        """
        found = []
        for rows, factor, known in (
            (forces, self.force_factor, self.record.forces),
            (stress, self.stress_factor, self.record.stress),
        ):
            found.append((known or self.record.energy).scale * (rows @ factor.double()).square().sum((1, 2)).sqrt())
        return found[0], found[1]


class Products(NamedTuple):
    """Sums over training labels.

    Attributes:
        rows: (n_features, n_features) F.
        weighted: (n_features, n_features) M.
    """

    rows: Tensor
    weighted: Tensor


def label_products(rows: Tensor, errors: Tensor) -> Products:
    """F and M of labels.

    Args:
        rows: (..., n_features) x.
        errors: (...) r.
    """
    x = rows.double().flatten(0, -2)
    weighted = x * errors.double().reshape(-1, 1)
    return Products(x.T @ x, weighted.T @ weighted)


def posterior_factor(seen: Products, regulariser: float) -> Tensor:
    """(n_features, n_features) L with L·Lᵀ = V, float64.

    Args:
        seen: F and M; without any errors M is taken to be F.
        regulariser: ς.
    """
    rows, weighted = seen.rows.double(), seen.weighted.double()
    if float(weighted.trace()) <= torch.finfo(torch.float64).tiny:
        weighted = rows
    values, axes = torch.linalg.eigh(rows)
    errors, along = torch.linalg.eigh(weighted)
    inverse = (axes / _regularised(values, regulariser)) @ axes.T
    found: Tensor = inverse @ (along * _regularised(errors, regulariser).sqrt())
    return found


def _regularised(values: Tensor, regulariser: float) -> Tensor:
    """(n_features,) eigenvalues plus ς times their mean."""
    ridge = regulariser * values.mean().clamp(min=torch.finfo(torch.float64).tiny)
    return values.clamp(min=0.0) + ridge
