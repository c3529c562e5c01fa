"""Contractions in Triton; formulas and names of the slots in ``nn/sums/contraction.py``.

    Φ = Σ_e Σ_s Σ_c A[i(e), s, c]·q[e, g(s), c]·Y[e, s]·v[src(e), g(s), c]

Four kernels make the derivatives of Φ in A, q, Y and v; without values, v is 1. A program makes what belongs to one
node and one group of columns: to the node that edges lead to (A, q, Y), or to the node that they come from (v), over
``src_order``. Nothing is added atomically, so bits do not depend on the run. A tile is (edges, columns, channels), and
columns of other groups are masked in it.
"""

from collections.abc import Callable
from typing import Any, Final

import triton
import triton.language as tl
from torch import Tensor

from alignn_ff.triton_kernels.tiles import MOST_EDGES, TILE, options, power_of_two


@triton.jit
def _place(starts, groups, n_rows, n_edges, n_columns, n_groups, COLUMNS: tl.constexpr):
    """Row and group of this program, its entries, and which columns are in the group."""
    program = tl.program_id(0).to(tl.int64)
    row, group = program // n_groups, program % n_groups
    begin = tl.load(starts + row)
    end = tl.load(starts + row + 1, mask=row + 1 < n_rows, other=n_edges)
    s = tl.arange(0, COLUMNS)
    chosen = tl.load(groups + s, mask=s < n_columns, other=-1) == group
    return row, group, begin, end, s, chosen


@triton.jit
def _sent(q, v, src, e, group, n_groups, channels, c, real, mask, VALUES: tl.constexpr):
    """(edges, channels) of a tile: q, times v where there are values."""
    column = group * channels + c[None, :]
    sent = tl.load(q + e[:, None] * n_groups * channels + column, mask=mask, other=0.0)
    if VALUES:
        source = tl.load(src + e, mask=real, other=0)[:, None]
        sent *= tl.load(v + source * n_groups * channels + column, mask=mask, other=0.0)
    return sent


@triton.jit
def _held(A, node, s, chosen, c, inside, n_columns, channels):
    """(1, columns, channels) of a node."""
    place = A + (node * n_columns + s[:, None]) * channels + c[None, :]
    return tl.load(place, mask=chosen[:, None] & inside[None, :], other=0.0)[None, :, :]


@triton.jit
def _to_nodes(
    starts, groups, n_nodes, n_edges, n_columns, n_groups, channels, src, q, Y, v, A,
    VALUES: tl.constexpr, EDGES: tl.constexpr, COLUMNS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """A[i, s, c] = Σ_{e: i(e) = i} q·v·Y."""
    node, group, begin, end, s, chosen = _place(starts, groups, n_nodes, n_edges, n_columns, n_groups, COLUMNS)
    c = tl.arange(0, CHANNELS)
    inside = c < channels
    total = tl.zeros((EDGES, COLUMNS, CHANNELS), dtype=A.dtype.element_ty)
    for first in range(begin, end, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < end
        mask = real[:, None] & inside[None, :]
        sent = _sent(q, v, src, e, group, n_groups, channels, c, real, mask, VALUES)
        along = tl.load(Y + e[:, None] * n_columns + s[None, :], mask=real[:, None] & chosen[None, :], other=0.0)
        total += along[:, :, None] * sent[:, None, :]
    place = A + (node * n_columns + s[:, None]) * channels + c[None, :]
    tl.store(place, tl.sum(total, 0), mask=chosen[:, None] & inside[None, :])


@triton.jit
def _to_edges(
    starts, groups, n_nodes, n_edges, n_columns, n_groups, channels, src, A, Y, v, q,
    VALUES: tl.constexpr, EDGES: tl.constexpr, COLUMNS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """q[e, g, c] = v·Σ_{s: g(s) = g} A·Y."""
    node, group, begin, end, s, chosen = _place(starts, groups, n_nodes, n_edges, n_columns, n_groups, COLUMNS)
    c = tl.arange(0, CHANNELS)
    inside = c < channels
    held = _held(A, node, s, chosen, c, inside, n_columns, channels)
    column = group * channels + c[None, :]
    for first in range(begin, end, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < end
        mask = real[:, None] & inside[None, :]
        along = tl.load(Y + e[:, None] * n_columns + s[None, :], mask=real[:, None] & chosen[None, :], other=0.0)
        received = tl.sum(along[:, :, None] * held, 1)
        if VALUES:
            source = tl.load(src + e, mask=real, other=0)[:, None]
            received *= tl.load(v + source * n_groups * channels + column, mask=mask, other=0.0)
        tl.store(q + e[:, None] * n_groups * channels + column, received, mask=mask)


@triton.jit
def _to_columns(
    starts, groups, n_nodes, n_edges, n_columns, n_groups, channels, src, A, q, v, Y,
    VALUES: tl.constexpr, EDGES: tl.constexpr, COLUMNS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Y[e, s] = Σ_c A·q·v."""
    node, group, begin, end, s, chosen = _place(starts, groups, n_nodes, n_edges, n_columns, n_groups, COLUMNS)
    c = tl.arange(0, CHANNELS)
    inside = c < channels
    held = _held(A, node, s, chosen, c, inside, n_columns, channels)
    for first in range(begin, end, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < end
        mask = real[:, None] & inside[None, :]
        sent = _sent(q, v, src, e, group, n_groups, channels, c, real, mask, VALUES)
        along = tl.sum(sent[:, None, :] * held, 2)
        tl.store(Y + e[:, None] * n_columns + s[None, :], along, mask=real[:, None] & chosen[None, :])


@triton.jit
def _to_sources(
    starts, groups, n_sources, n_edges, n_columns, n_groups, channels, order, dst, A, q, Y, v,
    EDGES: tl.constexpr, COLUMNS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """v[j, g, c] = Σ_{e: src(e) = j} q·Σ_{s: g(s) = g} A·Y."""
    source, group, begin, end, s, chosen = _place(starts, groups, n_sources, n_edges, n_columns, n_groups, COLUMNS)
    c = tl.arange(0, CHANNELS)
    inside = c < channels
    column = group * channels + c
    total = tl.zeros((EDGES, CHANNELS), dtype=v.dtype.element_ty)
    for first in range(begin, end, EDGES):
        k = first + tl.arange(0, EDGES)
        real = k < end
        e = tl.load(order + k, mask=real, other=0)
        node = tl.load(dst + e, mask=real, other=0)
        these = real[:, None] & chosen[None, :]
        along = tl.load(Y + e[:, None] * n_columns + s[None, :], mask=these, other=0.0)
        place = (node[:, None, None] * n_columns + s[None, :, None]) * channels + c[None, None, :]
        held = tl.load(A + place, mask=these[:, :, None] & inside[None, None, :], other=0.0)
        mask = real[:, None] & inside[None, :]
        sent = tl.load(q + e[:, None] * n_groups * channels + column[None, :], mask=mask, other=0.0)
        total += sent * tl.sum(along[:, :, None] * held, 1)
    tl.store(v + source * n_groups * channels + column, tl.sum(total, 0), mask=inside)


def without_values(kernel: Any) -> Callable[..., None]:
    """Call of one of the first three kernels with v = 1."""

    def call(
        starts: Tensor, groups: Tensor, n_nodes: int, n_edges: int, n_columns: int, n_groups: int, channels: int,
        threads: int, first: Tensor, second: Tensor, out: Tensor,
    ) -> None:  # fmt: skip
        """Arguments as those of the C++ kernel; ``threads`` is not used."""
        sizes = (n_nodes, n_edges, n_columns, n_groups, channels)
        arrays = (starts, first, second, first, out)  # nothing is read of the fourth, nor of sources
        kernel[(n_nodes * n_groups,)](starts, groups, *sizes, *arrays, VALUES=False, **tile(n_columns, channels))

    return call


def with_values(kernel: Any) -> Callable[..., None]:
    """Call of one of the four kernels."""

    def call(
        src: Tensor, src_order: Tensor, src_starts: Tensor, dst: Tensor, starts: Tensor, groups: Tensor,
        n_nodes: int, n_edges: int, n_columns: int, n_groups: int, channels: int, threads: int, *arrays: Tensor,
    ) -> None:  # fmt: skip
        """Segments of the sources, then as without values, and a third array before the last."""
        sizes, how = (n_edges, n_columns, n_groups, channels), tile(n_columns, channels)
        if kernel is _to_sources:
            n_sources = src_starts.shape[0]
            kernel[(n_sources * n_groups,)](src_starts, groups, n_sources, *sizes, src_order, dst, *arrays, **how)
        else:
            kernel[(n_nodes * n_groups,)](starts, groups, n_nodes, *sizes, src, *arrays, VALUES=True, **how)

    return call


def tile(n_columns: int, channels: int) -> dict[str, int]:
    """Tile of a kernel, as keyword arguments of its call."""
    columns, padded = power_of_two(n_columns), power_of_two(channels)
    edges = max(1, min(MOST_EDGES, TILE // (columns * padded)))
    size = edges * columns * padded // 2  # at least half of the columns are masked
    return {"EDGES": edges, "COLUMNS": columns, "CHANNELS": padded, **options(size)}


CONTRACTIONS: Final[dict[str, Callable[..., None]]] = {
    "contract_to_nodes": without_values(_to_nodes),
    "contract_to_edges": without_values(_to_edges),
    "contract_to_columns": without_values(_to_columns),
    "sent_to_nodes": with_values(_to_nodes),
    "sent_to_edges": with_values(_to_edges),
    "sent_to_columns": with_values(_to_columns),
    "sent_to_sources": with_values(_to_sources),
}
"""Name → call."""
