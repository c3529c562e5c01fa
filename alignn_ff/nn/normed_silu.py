"""SiLU of a normalisation, with derivatives written by hand where compiled kernels are in use.

With h = (x − mean)·r, r = 1/√(variance + ε), z = γh + β and the symmetric P(a) = r·(a − mean(a) − h·mean(a·h)):

    ∂x = P(γ·G·silu'(z))
    derivatives of Σ u·∂x, with q = P(u), g = γ·G·silu'(z), t_z = q·γ·G·silu''(z), ā = mean(a), a_h = mean(a·h):
        in G: q·γ·silu'(z);   in γ: Σ q·G·silu'(z) + t_z·h;   in β: Σ t_z
        in x: P(γ·t_z − r·(u·g_h + g·u_h)) − (r²/n)·h·(Σ u·g − n·ū·ḡ − n·u_h·g_h)

Layer normalisation: Ba, Kiros, Hinton 2016, eq. 4.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from alignn_ff.native import SumKernels, kernels_for


def normed_silu(x: Tensor, norm: nn.Module) -> Tensor:
    """SiLU(norm(x)); differentiable twice.

    Args:
        x: (n, features).
        norm: a layer normalisation runs on compiled kernels, any other one on torch's operations.

    Returns:
        (n, features).
    """
    if isinstance(norm, nn.LayerNorm):
        kernels = kernels_for("normed_silu", (x, norm.weight, norm.bias))
        if kernels is not None:
            native: Tensor = _NormedSilu.apply(kernels, norm.eps, x, norm.weight, norm.bias)  # type: ignore[no-untyped-call]
            return native
    return nn.functional.silu(norm(x))


class _NormedSilu(Function):
    @staticmethod
    def forward(ctx: Any, kernels: SumKernels, eps: float, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.kernels, ctx.eps = kernels, eps
        ctx.save_for_backward(x, scale, shift)
        out = torch.empty_like(x)
        _call(ctx, "normed_silu", x, scale, shift, out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *_First.apply(ctx.kernels, ctx.eps, gradient, *ctx.saved_tensors))  # type: ignore[no-untyped-call]


class _First(Function):
    @staticmethod
    def forward(ctx: Any, kernels: SumKernels, eps: float, gradient: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        gradient = gradient.contiguous()
        ctx.kernels, ctx.eps = kernels, eps
        ctx.save_for_backward(*inputs, gradient)
        derivatives = tuple(torch.empty_like(t) for t in inputs)
        _call(ctx, "normed_silu_first", *inputs, gradient, *derivatives)
        ctx.set_materialize_grads(False)
        return derivatives

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor | None, *others: Tensor | None) -> tuple[Tensor | None, ...]:
        if any(other is not None for other in others):
            raise RuntimeError("derivatives in scale and shift cannot be differentiated again on compiled kernels")
        if cotangent is None:
            return (None,) * 6
        x, scale, shift, gradient = ctx.saved_tensors
        derivatives = tuple(torch.empty_like(t) for t in (gradient, x, scale, shift))
        _call(ctx, "normed_silu_second", x, scale, shift, gradient, cotangent.contiguous(), *derivatives)
        return (None, None, *derivatives)


def _call(ctx: Any, name: str, x: Tensor, *rest: Tensor) -> None:
    ctx.kernels.call(name, x.dtype, x.shape[0], x.shape[1], torch.get_num_threads(), float(ctx.eps), x, *rest)
