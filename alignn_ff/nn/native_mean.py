"""The gated mean over neighbours on compiled kernels, with derivatives written by hand.

out_i = Σ_j σ(m_ij) ⊙ v_j / (Σ_j σ(m_ij) + ε). With D the denominator, c = G/D and σ' = σ(1 − σ), σ'' = σ'(1 − 2σ):

    ∂m = σ'·c·(v − out),   ∂v = Σ_src σ·c
    derivatives of Σ u_m·∂m + Σ u_v·∂v, with U = Σ σ'·u_m and K = Σ σ'·(v − out)·u_m + σ·u_v over a target's edges:
        in G: K/D
        in m: σ''·c·(v − out)·u_m + σ'·c·u_v − σ'·(c/D)·(U·(v − out) + K)
        in v: Σ_src σ'·c·u_m − σ·c·U/D
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from alignn_ff.native import SumKernels

N_INDEX = 6


class NativeGatedMean(Function):
    """``apply(kernels, ε, messages, values, *edges.src, *edges.dst)``; differentiable twice."""

    @staticmethod
    def forward(ctx: Any, kernels: SumKernels, epsilon: float, m: Tensor, v: Tensor, *index: Tensor) -> Tensor:
        """(n_nodes, features)."""
        m, v = m.contiguous(), v.contiguous()
        ctx.kernels = kernels
        out, inverse = torch.empty_like(v), torch.empty_like(v)
        _call(kernels, "gated_mean", index, v, float(epsilon), m, v, out, inverse)
        ctx.save_for_backward(m, v, out, inverse, *index)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Derivatives in messages and values, differentiable once more."""
        derivatives = _First.apply(ctx.kernels, gradient, *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return (None, None, *derivatives, *(None for _ in range(N_INDEX)))


class _First(Function):
    @staticmethod
    def forward(
        ctx: Any,
        kernels: SumKernels,
        gradient: Tensor,
        m: Tensor,
        v: Tensor,
        out: Tensor,
        inverse: Tensor,
        *index: Tensor,
    ) -> tuple[Tensor, Tensor]:
        gradient = gradient.contiguous()
        ctx.kernels = kernels
        dm, dv = torch.empty_like(m), torch.empty_like(v)
        _call(kernels, "gated_mean_first", index, v, m, v, out, inverse, gradient, dm, dv)
        ctx.save_for_backward(m, v, out, inverse, gradient, *index)
        return dm, dv

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, um: Tensor, uv: Tensor) -> tuple[Tensor | None, ...]:
        m, v, out, inverse, gradient, *index = ctx.saved_tensors
        given = (m, v, out, inverse, gradient, um.contiguous(), uv.contiguous())
        d_gradient, dm, dv, room = (torch.empty_like(t) for t in (v, m, v, v))
        _call(ctx.kernels, "gated_mean_second", tuple(index), v, *given, d_gradient, dm, dv, room)
        return (None, d_gradient, dm, dv, None, None, *(None for _ in range(N_INDEX)))


def _call(kernels: SumKernels, name: str, index: tuple[Tensor, ...], v: Tensor, *rest: Tensor | float) -> None:
    src, src_order, src_starts, dst, _, dst_starts = index
    sizes = (v.shape[0], src.shape[0], v.shape[1], torch.get_num_threads())
    kernels.call(name, v.dtype, src, dst, dst_starts, src_order, src_starts, *sizes, *rest)
