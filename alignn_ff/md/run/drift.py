"""Drift of a quantity that should be constant, with its standard error."""

from typing import Final, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

MAX_BLOCKS: Final = 32


class SeriesState(BaseModel):
    """A series of block means in a restart file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: float | None
    blocks: list[tuple[float, float]]
    block_length: int
    open_time: float
    open_value: float
    n_open: int
    sum: float
    n_samples: int


class Trend(NamedTuple):
    """A straight line through a time series.

    Attributes:
        mean: of all samples.
        slope: per unit of time; None with fewer than two blocks.
        slope_stderr: standard error of the slope; None with fewer than three blocks.
    """

    mean: float
    slope: float | None
    slope_stderr: float | None


class BlockMeans:
    """A time series stored as at most 32 means of equally long blocks, in constant memory.

    When there are 32 blocks they are joined in pairs, so a long series has 16 to 32 blocks, each much longer than an
    atomic vibration. A series shorter than 32 samples is stored unchanged. Values are stored relative to the first
    one, so that a small drift of a large energy keeps its digits.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self._blocks: list[tuple[float, float]] = []
        self._block_length = 1
        self._open_time, self._open_value, self._n_open = 0.0, 0.0, 0
        self._sum, self._n_samples = 0.0, 0

    def add(self, time: float, value: float) -> None:
        """Add a sample; times are equally spaced."""
        self._first = value if self._first is None else self._first
        self._sum += value - self._first
        self._n_samples += 1
        self._open_time += time
        self._open_value += value - self._first
        self._n_open += 1
        if self._n_open == self._block_length:
            self._blocks.append((self._open_time / self._n_open, self._open_value / self._n_open))
            self._open_time, self._open_value, self._n_open = 0.0, 0.0, 0
        if len(self._blocks) == MAX_BLOCKS:
            self._join_pairs()

    def trend(self) -> Trend:
        """Least-squares line through the block means; its error assumes independent blocks."""
        assert self._first is not None, "a trend needs samples"
        mean = self._first + self._sum / self._n_samples
        if len(self._blocks) < 2:
            return Trend(mean, None, None)
        times, values = np.array(self._blocks).T
        times, values = times - times.mean(), values - values.mean()
        slope = float(times @ values / (times @ times))
        if len(times) < 3:
            return Trend(mean, slope, None)
        residuals = values - slope * times
        return Trend(mean, slope, float(np.sqrt(residuals @ residuals / (len(times) - 2) / (times @ times))))

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self._n_samples

    def state(self) -> SeriesState:
        """The exact state, for a restart file."""
        return SeriesState(**{name: getattr(self, f"_{name}") for name in SeriesState.model_fields})

    @classmethod
    def from_state(cls, state: SeriesState) -> "BlockMeans":
        """The series whose :meth:`state` this is."""
        series = cls()
        for name in SeriesState.model_fields:
            setattr(series, f"_{name}", getattr(state, name))
        series._blocks = list(state.blocks)
        return series

    def _join_pairs(self) -> None:
        pairs = np.array(self._blocks).reshape(-1, 2, 2).mean(axis=1)
        self._blocks = [(float(time), float(value)) for time, value in pairs]
        self._block_length *= 2
