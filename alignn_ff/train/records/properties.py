"""Moments of properties over the training set, and from them the scaling of targets of structures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.errors import DataError

Array = NDArray[np.float64]

SMALLEST_VARIANCE = 1e-10
"""Of a principal component of z-scores; below it, targets are combinations of each other."""


class Moments(NamedTuple):
    """Mean (n,) and covariance (n, n) of a property over the training set, and the range of all its numbers."""

    mean: Array
    covariance: Array
    lowest: float
    highest: float

    @property
    def spread(self) -> float:
        """Root mean square, over the numbers of the property, of their standard deviations."""
        return float(np.sqrt(np.diag(self.covariance).mean()))


class RunningMoments:
    """Moments of labels that come one by one, about the first of them, so that nothing cancels."""

    def __init__(self) -> None:
        self.count = 0
        self._lowest, self._highest = np.inf, -np.inf
        self._first: Array = np.zeros(0)
        self._sum: Array = np.zeros(0)
        self._products: Array = np.zeros((0, 0))

    def add(self, label: Array | float | None) -> None:
        """Add a label: (n,) per structure, or (n_atoms, n) per atom."""
        if label is None:
            return
        rows = np.atleast_2d(label)
        self._lowest, self._highest = min(self._lowest, float(rows.min())), max(self._highest, float(rows.max()))
        if not self.count:
            self._first = rows[0].copy()
            self._sum, self._products = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
        rows = rows - self._first
        self.count += len(rows)
        self._sum += rows.sum(axis=0)
        self._products += rows.T @ rows

    def result(self) -> Moments:
        """Moments of all labels so far."""
        mean = self._sum / self.count
        covariance = self._products / self.count - np.outer(mean, mean)
        return Moments(self._first + mean, covariance, self._lowest, self._highest)


class TargetScaling(NamedTuple):
    """Outputs = mean + raw·axes; raw outputs of the training set have mean 0, variance 1 and no correlation.

    Attributes:
        mean: (n,) of the targets.
        axes: (n, n) what one unit of each raw output adds, a row each.
    """

    mean: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]


def target_scaling(moments: Moments | None) -> TargetScaling:
    """Mean, spreads and principal axes of targets.

    Each target is divided by its spread (z-score), then the targets are turned to the principal axes of their
    correlation matrix and divided by the spreads along them. An axis without spread keeps its length.

    Raises:
        DataError: no targets.
    """
    if moments is None:
        raise DataError("standard_scalar_and_pca scales targets, but no training record has one")
    variances = np.diag(moments.covariance)
    spread = np.sqrt(np.where(variances > 0, variances, 1.0))
    along, axes = np.linalg.eigh(moments.covariance / np.outer(spread, spread))
    widths = np.sqrt(np.where(along > SMALLEST_VARIANCE, along, 1.0))
    scaled = (widths * axes).T * spread
    return TargetScaling(tuple(moments.mean.tolist()), tuple(tuple(row) for row in scaled.tolist()))
