"""The mean of a correlated time series, with an error that includes the correlation.

Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989): means of blocks become independent as blocks grow. The length of
a block is the smallest 2^k with 2^3k > 2·n·s⁴, where s is the ratio of the error to that of independent samples
(Lee et al., Phys. Rev. E 83, 066706, 2011).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FEWEST_BLOCKS: Final = 4

N_TREND_BLOCKS: Final = 8
"""Blocks through whose means a line is drawn."""

SURE_OF_TREND: Final = 5.0
"""A trend is seen where the change over the run is this many of its standard errors, and more than the fluctuation."""

SMALLEST_TREND: Final = 1e-4
"""Smallest change over a run that counts, as a fraction of the mean."""


class Average(NamedTuple):
    """A mean and its error.

    Attributes:
        mean: of all samples.
        stderr: standard error of the mean; None with too few samples.
        std: standard deviation of the samples.
        inefficiency: number of samples per independent sample; None with too few samples.
        reliable: whether the error has stopped growing with the length of the blocks.
        change: over the run, along a straight line, where the series has such a trend; None where it fluctuates about
            its mean.
    """

    mean: float
    stderr: float | None
    std: float
    inefficiency: float | None
    reliable: bool
    change: float | None = None

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return {
            "mean": self.mean,
            "stderr": self.stderr,
            "std": self.std,
            "samples_per_independent_sample": self.inefficiency,
            "error_is_reliable": self.reliable,
            "change_over_the_run": self.change,
        }


def average(series: NDArray[np.float64]) -> Average:
    """Mean of a series of equally spaced samples."""
    mean, std = float(series.mean()), float(series.std())
    errors = [_naive_error(blocks) for blocks in _levels(series)]
    if not errors:
        return Average(mean, None, std, None, reliable=False)
    if errors[0] == 0.0:
        return Average(mean, 0.0, std, 1.0, reliable=True)
    ratios = [error / errors[0] for error in errors]
    enough = [level for level, ratio in enumerate(ratios) if 8.0**level > 2.0 * len(series) * ratio**4]
    level = enough[0] if enough else int(np.argmax(ratios))
    inefficiency = max(1.0, ratios[level] ** 2)
    return Average(mean, errors[level], std, inefficiency, reliable=bool(enough), change=_trend(series))


def _trend(series: NDArray[np.float64]) -> float | None:
    """How much a series changes along a line through its block means; None where it has no trend.

    The scatter of the block means about the line gives the error, correlation within blocks included.
    """
    n_samples = len(series) // N_TREND_BLOCKS * N_TREND_BLOCKS
    if n_samples < 2 * N_TREND_BLOCKS:
        return None
    blocks = series[:n_samples].reshape(N_TREND_BLOCKS, -1)
    place = np.arange(N_TREND_BLOCKS) - 0.5 * (N_TREND_BLOCKS - 1)
    slope, middle = np.polyfit(place, blocks.mean(1), 1)
    scatter = float(np.sqrt(((blocks.mean(1) - middle - slope * place) ** 2).sum() / (N_TREND_BLOCKS - 2)))
    error = scatter / float(np.sqrt((place**2).sum())) * N_TREND_BLOCKS
    change, fluctuation = float(slope) * N_TREND_BLOCKS, float(blocks.std(axis=1).mean())
    least = max(SURE_OF_TREND * error, fluctuation, SMALLEST_TREND * abs(float(middle)))
    return change if abs(change) > least else None


def _levels(series: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The series, its pairs averaged, and so on, as long as there are enough blocks."""
    levels: list[NDArray[np.float64]] = []
    while len(series) >= FEWEST_BLOCKS:
        levels.append(series)
        even = len(series) // 2 * 2
        series = 0.5 * (series[0:even:2] + series[1:even:2])
    return levels


def _naive_error(blocks: NDArray[np.float64]) -> float:
    return float(blocks.std(ddof=1) / np.sqrt(len(blocks)))


def block_error(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of the mean over axis 0 of independent blocks; NaN with a single block."""
    if len(blocks) < 2:
        return np.full(blocks.shape[1:], np.nan)
    return np.asarray(blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks)), dtype=np.float64)
