"""How well standard deviations fit errors: one set of figures for energies, forces and stresses.

In: errors and standard deviations of the same predictions. Out: the factor that makes them fit, and how well they do.
An error is the length of a vector with ``n_axes`` components, whose variances add up to the square of the deviation.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, spearmanr

from alignn_ff.checkpoint import CalibrationGroups, Uncertainty

Array = NDArray[np.float64]

LEVELS: Final = (0.683, 0.954)
"""Probabilities at which the coverage is counted: those of one and two standard deviations of a number."""

MOST_GROUPS: Final = 10
SMALLEST_GROUP: Final = 5

SMALLEST: Final = 1e-12
"""A smaller deviation counts as this one."""


class Measured(NamedTuple):
    """Errors beside standard deviations of one quantity.

    Attributes:
        errors: (n,) lengths of the differences from the labels.
        deviations: (n,) predicted.
        n_axes: components of each error: 1 for energies, 3 for forces, 6 for stresses.
        unit: of both.
    """

    errors: Array
    deviations: Array
    n_axes: int
    unit: str

    def times(self, factor: float) -> "Measured":
        """With deviations multiplied by a factor."""
        return self._replace(deviations=factor * self.deviations)


class Calibration(NamedTuple):
    """How well deviations fit errors.

    Attributes:
        n: number of errors.
        rmse: root of the mean squared error.
        rms_deviation: root of the mean squared deviation.
        factor: by which the deviations would have to be multiplied to fit best.
        nll: mean negative log-likelihood of a Gaussian per component; smaller is better.
        correlation: of the ranks of errors and deviations; NaN where either is constant.
        within_68, within_95: fraction of the errors within the intervals that should hold 68.3 % and 95.4 % of them.
    """

    n: int
    rmse: float
    rms_deviation: float
    factor: float
    nll: float
    correlation: float
    within_68: float
    within_95: float

    def to_json(self) -> dict[str, float]:
        """JSON-ready content, without what is not a number."""
        return {name: value for name, value in self._asdict().items() if math.isfinite(value)}


def calibration(measured: Measured) -> Calibration:
    """Figures of deviations as they are; there must be at least one error."""
    errors, deviations = measured.errors, np.maximum(measured.deviations, SMALLEST)
    ratios = np.square(errors / deviations)
    within = [float(np.mean(ratios <= chi2.ppf(level, measured.n_axes) / measured.n_axes)) for level in LEVELS]
    return Calibration(
        n=len(errors),
        rmse=_root_mean_square(errors),
        rms_deviation=_root_mean_square(deviations),
        factor=best_factor(measured),
        nll=_nll(deviations, ratios, measured.n_axes),
        correlation=_rank_correlation(errors, deviations),
        within_68=within[0],
        within_95=within[1],
    )


def groups(measured: Measured) -> CalibrationGroups:
    """Errors in groups of equal size, ordered by deviation: the points of a calibration plot."""
    n_groups = int(np.clip(len(measured.errors) // SMALLEST_GROUP, 1, MOST_GROUPS))
    parts = np.array_split(np.argsort(measured.deviations, kind="stable"), n_groups)
    deviations, errors = (
        tuple(_root_mean_square(np.maximum(values[part], SMALLEST)) for part in parts)
        for values in (measured.deviations, measured.errors)
    )
    return CalibrationGroups(deviations, errors, measured.unit)


def with_figures(uncertainty: Uncertainty, found: Mapping[str, Measured]) -> Uncertainty:
    """With the figures and the plot of a calibration on held-out structures, as a model file keeps them."""
    figures = {name: calibration(each).to_json() for name, each in found.items()}
    return uncertainty.model_copy(
        update={"figures": figures, "groups": {name: groups(each) for name, each in found.items()}}
    )


def best_factor(measured: Measured) -> float:
    """The factor on the deviations that makes the errors most likely."""
    return max(_root_mean_square(measured.errors / np.maximum(measured.deviations, SMALLEST)), SMALLEST)


def best_nll(measured: Measured) -> float:
    """Negative log-likelihood with the best factor."""
    return calibration(measured.times(best_factor(measured))).nll


def _nll(deviations: Array, ratios: Array, n_axes: int) -> float:
    """Of one component, whose variance is the n_axes-th part."""
    variance = np.square(deviations) / n_axes
    return float(np.mean(0.5 * (np.log(2 * np.pi * variance) + ratios)))


def _rank_correlation(errors: Array, deviations: Array) -> float:
    if len(errors) < 3 or np.ptp(errors) == 0 or np.ptp(deviations) == 0:
        return math.nan
    return float(spearmanr(errors, deviations).statistic)


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
