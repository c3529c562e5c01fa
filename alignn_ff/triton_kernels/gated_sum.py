"""The gated sum over neighbours in Triton, its first and its second derivatives; formulas in ``nn/sums/gated_sum.py``.

Gates are recomputed wherever they are read: of size (n_edges, features) is only what the caller gets. Edges are ordered
by their target, and ``src_order`` orders them by their source. One program makes one row of the nodes: of targets over
the edges that enter, of sources over the edges that leave. So nothing is added atomically, and bits do not depend on
the run. A program takes the edges of its row in tiles of (edges, features); what lies outside of a tile is masked, and
read as zero.

Names of the arrays: g gates of edges, p = a | b | v projections of nodes, w weights of edges, G gradient of the sums,
d_ what is written, u_ cotangents of the first derivatives.
"""

from collections.abc import Callable
from typing import Final

import triton
import triton.language as tl
from torch import Tensor

from alignn_ff.triton_kernels.tiles import segment, tile


@triton.jit
def _sent(rows, own, width, inside):
    """(1, features) each of what a source sends: a and v of projections, or of their cotangents."""
    a = tl.load(rows + own, mask=inside, other=0.0)[None, :]
    return a, tl.load(rows + own + 2 * width, mask=inside, other=0.0)[None, :]


@triton.jit
def _sums(g, p, w, out, src, starts, n_nodes, n_edges, width, EDGES: tl.constexpr, WIDTH: tl.constexpr):
    """out_i = Σ_{e → i} w·S·v."""
    node, begin, end = segment(starts, n_nodes, n_edges)
    f = tl.arange(0, WIDTH)
    inside = f < width
    b = tl.load(p + node * 3 * width + width + f, mask=inside, other=0.0)[None, :]
    total = tl.zeros((EDGES, WIDTH), dtype=out.dtype.element_ty)
    for first in range(begin, end, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < end
        mask = real[:, None] & inside[None, :]
        source = p + tl.load(src + e, mask=real, other=0)[:, None] * 3 * width + f[None, :]
        a = tl.load(source, mask=mask, other=0.0)
        v = tl.load(source + 2 * width, mask=mask, other=0.0)
        gates = tl.load(g + e[:, None] * width + f[None, :], mask=mask, other=0.0)
        weights = tl.load(w + e, mask=real, other=0.0)[:, None]
        total += weights * tl.sigmoid(gates + a + b) * v
    tl.store(out + node * width + f, tl.sum(total, 0), mask=inside)


@triton.jit
def _first_of_targets(
    g, p, w, G, d_g, d_p, d_w, src, starts, n_nodes, n_edges, width, EDGES: tl.constexpr, WIDTH: tl.constexpr
):
    """∂g = w·G·v·S', ∂w = Σ_features G·S·v, ∂b = Σ_{e → i} ∂g."""
    node, begin, end = segment(starts, n_nodes, n_edges)
    f = tl.arange(0, WIDTH)
    inside = f < width
    b = tl.load(p + node * 3 * width + width + f, mask=inside, other=0.0)[None, :]
    gradient = tl.load(G + node * width + f, mask=inside, other=0.0)[None, :]
    total = tl.zeros((EDGES, WIDTH), dtype=d_g.dtype.element_ty)
    for first in range(begin, end, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < end
        mask = real[:, None] & inside[None, :]
        row = e[:, None] * width + f[None, :]
        source = p + tl.load(src + e, mask=real, other=0)[:, None] * 3 * width + f[None, :]
        a = tl.load(source, mask=mask, other=0.0)
        v = tl.load(source + 2 * width, mask=mask, other=0.0)
        gate = tl.sigmoid(tl.load(g + row, mask=mask, other=0.0) + a + b)
        weights = tl.load(w + e, mask=real, other=0.0)[:, None]
        passed = gradient * gate * v
        tl.store(d_w + e, tl.sum(passed, 1), mask=real)
        slope = weights * passed * (1.0 - gate)
        tl.store(d_g + row, slope, mask=mask)
        total += slope
    tl.store(d_p + node * 3 * width + width + f, tl.sum(total, 0), mask=inside)


@triton.jit
def _first_of_sources(
    g, p, w, G, d_p, dst, order, starts, n_nodes, n_edges, width, EDGES: tl.constexpr, WIDTH: tl.constexpr
):
    """∂a = Σ_{j → e} ∂g, ∂v = Σ_{j → e} w·G·S."""
    node, begin, end = segment(starts, n_nodes, n_edges)
    f = tl.arange(0, WIDTH)
    inside = f < width
    own = node * 3 * width + f
    a, v = _sent(p, own, width, inside)
    to_a = tl.zeros((EDGES, WIDTH), dtype=d_p.dtype.element_ty)
    to_v = tl.zeros((EDGES, WIDTH), dtype=d_p.dtype.element_ty)
    for first in range(begin, end, EDGES):
        k = first + tl.arange(0, EDGES)
        real = k < end
        mask = real[:, None] & inside[None, :]
        e = tl.load(order + k, mask=real, other=0)
        target = tl.load(dst + e, mask=real, other=0)[:, None]
        b = tl.load(p + target * 3 * width + width + f[None, :], mask=mask, other=0.0)
        gate = tl.sigmoid(tl.load(g + e[:, None] * width + f[None, :], mask=mask, other=0.0) + a + b)
        weights = tl.load(w + e, mask=real, other=0.0)[:, None]
        passed = weights * tl.load(G + target * width + f[None, :], mask=mask, other=0.0) * gate
        to_v += passed
        to_a += passed * v * (1.0 - gate)
    tl.store(d_p + own, tl.sum(to_a, 0), mask=inside)
    tl.store(d_p + own + 2 * width, tl.sum(to_v, 0), mask=inside)


@triton.jit
def _second_of_targets(
    g, p, w, G, u_g, u_p, u_w, d_G, d_g, d_p, d_w, src, starts, n_nodes, n_edges, width,
    EDGES: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Derivatives in G, g, b and w of Φ = Σ [w·G·(S·y + v·S'·u) + G·S·v·u_w], u = u_g + u_a + u_b, y = u_v."""
    node, begin, end = segment(starts, n_nodes, n_edges)
    f = tl.arange(0, WIDTH)
    inside = f < width
    own = node * 3 * width + width + f
    b = tl.load(p + own, mask=inside, other=0.0)[None, :]
    u_b = tl.load(u_p + own, mask=inside, other=0.0)[None, :]
    gradient = tl.load(G + node * width + f, mask=inside, other=0.0)[None, :]
    to_G = tl.zeros((EDGES, WIDTH), dtype=d_g.dtype.element_ty)
    to_b = tl.zeros((EDGES, WIDTH), dtype=d_g.dtype.element_ty)
    for first in range(begin, end, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < end
        mask = real[:, None] & inside[None, :]
        row = e[:, None] * width + f[None, :]
        source = tl.load(src + e, mask=real, other=0)[:, None] * 3 * width + f[None, :]
        v = tl.load(p + source + 2 * width, mask=mask, other=0.0)
        y = tl.load(u_p + source + 2 * width, mask=mask, other=0.0)
        u = tl.load(u_g + row, mask=mask, other=0.0) + tl.load(u_p + source, mask=mask, other=0.0) + u_b
        gate = tl.sigmoid(tl.load(g + row, mask=mask, other=0.0) + tl.load(p + source, mask=mask, other=0.0) + b)
        weights = tl.load(w + e, mask=real, other=0.0)[:, None]
        of_weight = tl.load(u_w + e, mask=real, other=0.0)[:, None]
        slope = gate * (1.0 - gate)
        inner = gate * y + u * slope * v
        tl.store(d_w + e, tl.sum(gradient * inner, 1), mask=real)
        to_G += weights * inner + gate * v * of_weight
        curved = _curved(u, gate, weights, of_weight, v, y) * slope * gradient
        tl.store(d_g + row, curved, mask=mask)
        to_b += curved
    tl.store(d_G + node * width + f, tl.sum(to_G, 0), mask=inside)
    tl.store(d_p + own, tl.sum(to_b, 0), mask=inside)


@triton.jit
def _second_of_sources(
    g, p, w, G, u_g, u_p, u_w, d_p, dst, order, starts, n_nodes, n_edges, width,
    EDGES: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Derivatives of the same Φ in a and v."""
    node, begin, end = segment(starts, n_nodes, n_edges)
    f = tl.arange(0, WIDTH)
    inside = f < width
    own = node * 3 * width + f
    a, v = _sent(p, own, width, inside)
    u_a, y = _sent(u_p, own, width, inside)
    to_a = tl.zeros((EDGES, WIDTH), dtype=d_p.dtype.element_ty)
    to_v = tl.zeros((EDGES, WIDTH), dtype=d_p.dtype.element_ty)
    for first in range(begin, end, EDGES):
        k = first + tl.arange(0, EDGES)
        real = k < end
        mask = real[:, None] & inside[None, :]
        e = tl.load(order + k, mask=real, other=0)
        row = e[:, None] * width + f[None, :]
        target = tl.load(dst + e, mask=real, other=0)[:, None]
        to_target = target * 3 * width + width + f[None, :]
        u = tl.load(u_g + row, mask=mask, other=0.0) + u_a + tl.load(u_p + to_target, mask=mask, other=0.0)
        gate = tl.sigmoid(tl.load(g + row, mask=mask, other=0.0) + a + tl.load(p + to_target, mask=mask, other=0.0))
        gradient = tl.load(G + target * width + f[None, :], mask=mask, other=0.0)
        weights = tl.load(w + e, mask=real, other=0.0)[:, None]
        of_weight = tl.load(u_w + e, mask=real, other=0.0)[:, None]
        slope = gate * (1.0 - gate)
        to_v += (weights * u * slope + gate * of_weight) * gradient
        to_a += _curved(u, gate, weights, of_weight, v, y) * slope * gradient
    tl.store(d_p + own, tl.sum(to_a, 0), mask=inside)
    tl.store(d_p + own + 2 * width, tl.sum(to_v, 0), mask=inside)


@triton.jit
def _curved(u, gate, weights, of_weight, v, y):
    """∂Φ/∂g, without its factor S'·G."""
    return (u * (1.0 - 2.0 * gate) * weights + of_weight) * v + y * weights


def gated_sum(
    src: Tensor, dst: Tensor, dst_starts: Tensor, src_order: Tensor, src_starts: Tensor,
    n_nodes: int, n_edges: int, features: int, threads: int, g: Tensor, p: Tensor, w: Tensor, out: Tensor,
) -> None:  # fmt: skip
    """Values; arguments as those of the C++ kernel of this name, ``threads`` is not used."""
    sizes = (n_nodes, n_edges, features)
    _sums[(n_nodes,)](g, p, w, out, src, dst_starts, *sizes, **tile(features))


def gated_sum_first(
    src: Tensor, dst: Tensor, dst_starts: Tensor, src_order: Tensor, src_starts: Tensor,
    n_nodes: int, n_edges: int, features: int, threads: int, g: Tensor, p: Tensor, w: Tensor,
    G: Tensor, d_g: Tensor, d_p: Tensor, d_w: Tensor,
) -> None:  # fmt: skip
    """First derivatives in g, p and w."""
    sizes, grid, given = (n_nodes, n_edges, features), (n_nodes,), (g, p, w, G)
    _first_of_targets[grid](*given, d_g, d_p, d_w, src, dst_starts, *sizes, **tile(features))
    _first_of_sources[grid](*given, d_p, dst, src_order, src_starts, *sizes, **tile(features))


def gated_sum_second(
    src: Tensor, dst: Tensor, dst_starts: Tensor, src_order: Tensor, src_starts: Tensor,
    n_nodes: int, n_edges: int, features: int, threads: int, g: Tensor, p: Tensor, w: Tensor,
    G: Tensor, u_g: Tensor, u_p: Tensor, u_w: Tensor, d_G: Tensor, d_g: Tensor, d_p: Tensor, d_w: Tensor,
) -> None:  # fmt: skip
    """Derivatives of the first ones, contracted with u, in G, g, p and w."""
    sizes, grid, given = (n_nodes, n_edges, features), (n_nodes,), (g, p, w, G, u_g, u_p, u_w)
    _second_of_targets[grid](*given, d_G, d_g, d_p, d_w, src, dst_starts, *sizes, **tile(features))
    _second_of_sources[grid](*given, d_p, dst, src_order, src_starts, *sizes, **tile(features))


GATED_SUMS: Final[dict[str, Callable[..., None]]] = {
    "gated_sum": gated_sum,
    "gated_sum_first": gated_sum_first,
    "gated_sum_second": gated_sum_second,
}
"""Name → call."""
