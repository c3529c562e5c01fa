"""What training measures of properties: their spread, and the scaling of a structure's targets."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.errors import DataError
from alignn_ff.train.records import Record

Array = NDArray[np.float64]


class TargetScaling(NamedTuple):
    """Outputs = mean + raw·axes; raw outputs of the training set have mean 0, variance 1 and no correlation.

    Attributes:
        mean: (n,) of the targets.
        axes: (n, n) what one unit of each raw output adds, a row each.
    """

    mean: tuple[float, ...] = ()
    axes: tuple[tuple[float, ...], ...] = ()


NO_SCALING = TargetScaling()


def spreads(records: Sequence[Record]) -> dict[str, float]:
    """RMS deviation of each kind of property from its mean, over the training set."""
    found = {}
    for kind in ("target", "atomwise", "additional"):
        labels = [np.atleast_2d(label) for record in records if (label := getattr(record, kind)) is not None]
        if labels:
            found[kind] = float(np.concatenate(labels).std(axis=0).mean())
    return found


def measure_scaling(records: Sequence[Record]) -> TargetScaling:
    """Mean, spread and principal components of the targets.

    Each target is divided by its spread (z-score), then the targets are turned to the principal axes of their
    correlation matrix and divided by the spreads along them. An axis without spread keeps its length.

    Raises:
        DataError: no targets.
    """
    labels = [record.target for record in records if record.target is not None]
    if not labels:
        raise DataError("standard_scalar_and_pca scales targets, but no training record has one")
    targets: Array = np.stack(labels)
    mean, spread = targets.mean(axis=0), targets.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    scores = (targets - mean) / spread
    variances, axes = np.linalg.eigh(scores.T @ scores / len(scores))
    widths = np.sqrt(np.where(variances > SMALLEST_VARIANCE, variances, 1.0))
    scaled = (widths * axes).T * spread
    return TargetScaling(tuple(mean.tolist()), tuple(tuple(row) for row in scaled.tolist()))


SMALLEST_VARIANCE = 1e-10
"""Of a principal component of z-scores; below it, targets are combinations of each other."""
