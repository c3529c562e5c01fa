"""Rows of one array that belong to rows of another: gathering them, and summing them back.

The two operations are each other's transpose, so their derivatives of any order are the same two again. Gathers run on
torch's embedding kernels, sums by ``summation.py``; they need no autograd graph of index_select and index_add.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from alignn_ff.nn.sums.summation import Summation, summation_in_use


class Segments(NamedTuple):
    """For each of n rows, the segment that it belongs to, prepared for sums.

    Attributes:
        segment: (n,) int64, the segment of each row.
        order: (n,) int64, rows sorted by segment.
        starts: (n_segments,) int64, where each segment begins in ``order``.
    """

    segment: Tensor
    order: Tensor
    starts: Tensor


class Edges(NamedTuple):
    """Directed edges between nodes, as segments by source and by target."""

    src: Segments
    dst: Segments


def make_segments(index: Tensor, n_segments: int, *, ascending: bool = False) -> Segments:
    """Prepare an index for :func:`gather` and :func:`segment_sum`.

    Args:
        index: (n,) int64 in [0, n_segments).
        n_segments: number of segments.
        ascending: whether the index is known to be sorted.
    """
    order = torch.arange(index.shape[0], device=index.device) if ascending else torch.argsort(index, stable=True)
    counts = count_rows(index, n_segments)
    return Segments(index, order, counts.cumsum(0) - counts)


def count_rows(index: Tensor, n_segments: int) -> Tensor:
    """(n_segments,) int64, how many rows each segment has; unlike ``torch.bincount`` it does not wait for a GPU.

    Args:
        index: (n,) int64 in [0, n_segments).
        n_segments: number of segments.
    """
    return index.new_zeros(n_segments).scatter_add_(0, index, torch.ones_like(index))


def make_edges(src: Tensor, dst: Tensor, n_nodes: int) -> Edges:
    """Prepare edges given by the ids of their two nodes; ``dst`` must ascend."""
    return Edges(make_segments(src, n_nodes), make_segments(dst, n_nodes, ascending=True))


def scatter_sum(values: Tensor, index: Tensor, n_segments: int) -> Tensor:
    """Sum rows, of any shape, into the segment that ``index`` names, without preparation.

    Args:
        values: (n, …).
        index: (n,) int64 in [0, n_segments).
        n_segments: number of segments.

    Returns:
        (n_segments, …); segments without rows are zero.
    """
    return values.new_zeros((n_segments, *values.shape[1:])).index_add(0, index, values)


def gather(values: Tensor, segments: Segments) -> Tensor:
    """The row of ``values`` of each row's segment.

    Args:
        values: (n_segments, features).
        segments: of n rows.

    Returns:
        (n, features).
    """
    result: Tensor = _Gather.apply(summation_in_use(), values, *segments)  # type: ignore[no-untyped-call]
    return result


def segment_sum(values: Tensor, segments: Segments) -> Tensor:
    """Sum the rows of each segment.

    Args:
        values: (n, features).
        segments: of n rows.

    Returns:
        (n_segments, features); segments without rows are zero.
    """
    result: Tensor = _SegmentSum.apply(summation_in_use(), values, *segments)  # type: ignore[no-untyped-call]
    return result


def gather_rows(values: Tensor, index: Tensor) -> Tensor:
    """:func:`gather` outside of automatic differentiation."""
    return torch.embedding(values, index)


class _Gather(Function):
    """Keeps the summation of its forward pass: the backward pass may run in a thread of its own."""

    @staticmethod
    def forward(ctx: Any, add: Summation, values: Tensor, *segments: Tensor) -> Tensor:
        ctx.add = add
        ctx.save_for_backward(*segments)
        return gather_rows(values, segments[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, _SegmentSum.apply(ctx.add, gradient, *ctx.saved_tensors), None, None, None  # type: ignore[no-untyped-call]


class _SegmentSum(Function):
    @staticmethod
    def forward(ctx: Any, add: Summation, values: Tensor, *segments: Tensor) -> Tensor:
        ctx.add = add
        ctx.save_for_backward(*segments)
        return add(values, *segments)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, _Gather.apply(ctx.add, gradient, *ctx.saved_tensors), None, None, None  # type: ignore[no-untyped-call]
