"""The gated sum over neighbours, with derivatives written by hand.

In: what each edge, source and target contribute to a gate, and envelope weights. Out: one sum per target,

    out_i = Σ_{e: dst=i} w_e·S_e ⊙ v_src,    S_e = σ(g_e + a_src + b_dst).

Nearly all time of an evaluation goes here. Automatic differentiation, twice for training on forces, keeps
every intermediate array of size (n_edges, features); written by hand, only the gates S are kept, and on
compiled kernels (``native_twice.py``) not even those.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from alignn_ff.native import kernels_for
from alignn_ff.nn.sums.native_twice import NativeOperation, run_native
from alignn_ff.nn.sums.segment import Edges, gather, gather_rows, segment_sum
from alignn_ff.nn.sums.summation import Summation, summation_in_use


def gated_sum(gates: Tensor, projections: Tensor, weights: Tensor, edges: Edges) -> Tensor:
    """Sum gated values over incoming edges; differentiable twice in all but ``edges``.

    Args:
        gates: (n_edges, features) g, the edge's part of its gate.
        projections: (n_nodes, 3·features) a | b | v: a source's part of the gate, a target's part, what a source sends.
        weights: (n_edges, 1) w, envelopes.
        edges: who sends to whom.

    Returns:
        (n_nodes, features).
    """
    kernels = kernels_for("gated_sum", (gates, projections, weights))
    if kernels is not None:
        index = (edges.src.segment, edges.dst.segment, edges.dst.starts, edges.src.order, edges.src.starts)
        shape = (projections.shape[0], gates.shape[1])
        sizes = (shape[0], gates.shape[0], shape[1])
        operation = NativeOperation(kernels, "gated_sum", gates.dtype, index, sizes, (shape,))
        return run_native(operation, gates, projections, weights)[0]
    inputs = (gates, *projections.chunk(3, 1), weights)
    result: Tensor = _GatedSum.apply(summation_in_use(), *inputs, *edges.src, *edges.dst)  # type: ignore[no-untyped-call]
    return result


def plain_gated_sum(gates: Tensor, projections: Tensor, weights: Tensor, edges: Edges) -> Tensor:
    """The readable reference that :func:`gated_sum` is tested against."""
    source, target, values = projections.chunk(3, 1)
    gate = torch.sigmoid(gates + gather(source, edges.src) + gather(target, edges.dst))
    return segment_sum(weights * gate * gather(values, edges.src), edges.dst)


class _GatedSum(Function):
    @staticmethod
    def forward(
        ctx: Any, add: Summation, gates: Tensor, a: Tensor, b: Tensor, values: Tensor, weights: Tensor, *index: Tensor
    ) -> Tensor:
        src, to_target = index[0], index[3:]
        dst = to_target[0]
        ctx.add = add
        gate = gather_rows(a, src).add_(gates).add_(gather_rows(b, dst)).sigmoid_()
        ctx.save_for_backward(gates, a, b, values, weights, gate, *index)
        return add(gather_rows(values, src).mul_(gate).mul_(weights), *to_target)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        derivatives = _GatedSumGradient.apply(ctx.add, gradient, *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return (None, *derivatives, *(None for _ in range(6)))


class _GatedSumGradient(Function):
    """First derivatives, with G = ∂L/∂out[dst] and S' = S·(1 − S).

    ∂g = w·G·V·S', ∂a and ∂b its sums over sources and targets, ∂v = Σ_src w·G·S, ∂w = Σ_features G·S·V.
    The gates S are handed over as a number; their derivatives are accounted for through g, a and b.
    """

    @staticmethod
    def forward(  # g, a and b are arguments so that derivatives flow to them
        ctx: Any,
        add: Summation,
        gradient: Tensor,
        gates: Tensor,  # noqa: ARG004
        a: Tensor,  # noqa: ARG004
        b: Tensor,  # noqa: ARG004
        values: Tensor,
        weights: Tensor,
        *rest: Tensor,
    ) -> tuple[Tensor, ...]:
        gate, to_source, to_target = rest[0], rest[1:4], rest[4:]
        src, dst = to_source[0], to_target[0]
        ctx.add = add
        ctx.save_for_backward(gradient, values, weights, *rest)
        passed = gather_rows(gradient, dst).mul_(gate)
        slope = passed * gather_rows(values, src)
        d_weights = slope.sum(1, keepdim=True)
        d_gates = slope.mul_(weights).addcmul_(slope, gate, value=-1.0)
        return (
            d_gates,
            add(d_gates, *to_source),
            add(d_gates, *to_target),
            add(passed.mul_(weights), *to_source),
            d_weights,
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        derivatives = _second_derivatives(ctx.add, cotangents, *ctx.saved_tensors)
        return (None, *derivatives, *(None for _ in range(7)))


def _second_derivatives(
    add: Summation,
    cotangents: tuple[Tensor, ...],
    gradient: Tensor,
    values: Tensor,
    weights: Tensor,
    gate: Tensor,
    *index: Tensor,
) -> tuple[Tensor, ...]:
    """Derivatives of Φ = Σ [w·G·(S·Y + V·S'·U) + G·S·V·u_w] in G, g, a, b, v and w.

    U = u_g + u_a[src] + u_b[dst] and Y = u_v[src] are the cotangents of the first derivatives.
    """
    to_source, to_target = index[:3], index[3:]
    src, dst = to_source[0], to_target[0]
    u_gates, u_a, u_b, u_values, u_weights = cotangents
    v, grad, y = gather_rows(values, src), gather_rows(gradient, dst), gather_rows(u_values, src)
    u = gather_rows(u_a, src).add_(gather_rows(u_b, dst)).add_(u_gates)
    slope = torch.addcmul(gate, gate, gate, value=-1.0)
    u_slope, gate_v = u * slope, gate * v

    inner = (gate * y).addcmul_(u_slope, v)
    d_weights = (grad * inner).sum(1, keepdim=True)
    d_gradient = add(inner.mul_(weights).add_(gate_v.mul_(u_weights)), *to_target)

    d_values = add(u_slope.mul_(weights).add_(gate * u_weights).mul_(grad), *to_source)

    curved = u.addcmul_(u, gate, value=-2.0).mul_(weights).add_(u_weights).mul_(v)
    d_gates = curved.add_(y.mul_(weights)).mul_(slope.mul_(grad))
    d_a, d_b = add(d_gates, *to_source), add(d_gates, *to_target)
    return d_gradient, d_gates, d_a, d_b, d_values, d_weights
