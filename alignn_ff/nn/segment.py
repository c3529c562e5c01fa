"""Sums over the rows that belong to one target: the only scatter primitive of the package."""

from torch import Tensor


def segment_sum(values: Tensor, index: Tensor, n_segments: int) -> Tensor:
    """Sum rows of ``values`` into the segment that ``index`` names.

    Args:
        values: (n, …).
        index: (n,) int64 in [0, n_segments).
        n_segments: number of segments.

    Returns:
        (n_segments, …); segments without rows are zero.
    """
    return values.new_zeros((n_segments, *values.shape[1:])).index_add(0, index, values)
