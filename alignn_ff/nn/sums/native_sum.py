"""The gated sum on compiled kernels: the same three functions as in ``gated_sum.py``, with nothing kept but the inputs.

Gates are recomputed wherever they are read. Differentiable twice, and refuses a third time.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from alignn_ff.native import SumKernels

N_INPUTS = 3
N_INDEX = 6


class NativeGatedSum(Function):
    """``apply(kernels, gates, projections, weights, *edges.src, *edges.dst)``."""

    @staticmethod
    def forward(ctx: Any, kernels: SumKernels, *inputs: Tensor) -> Tensor:
        """(n_nodes, features)."""
        inputs, index = _contiguous(inputs[:N_INPUTS]), inputs[N_INPUTS:]
        ctx.kernels = kernels
        ctx.save_for_backward(*inputs, *index)
        gates, projections, _ = inputs
        out = gates.new_empty(projections.shape[0], gates.shape[1])
        _call(kernels, "gated_sum", index, inputs, out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Derivatives in gates, projections and weights, differentiable once more."""
        derivatives = _First.apply(ctx.kernels, gradient, *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return (None, *derivatives, *(None for _ in range(N_INDEX)))


class _First(Function):
    @staticmethod
    def forward(ctx: Any, kernels: SumKernels, gradient: Tensor, *saved: Tensor) -> tuple[Tensor, ...]:
        gradient, inputs, index = gradient.contiguous(), saved[:N_INPUTS], saved[N_INPUTS:]
        ctx.kernels = kernels
        ctx.save_for_backward(gradient, *saved)
        derivatives = tuple(torch.empty_like(t) for t in inputs)
        _call(kernels, "gated_sum_first", index, inputs, gradient, *derivatives)
        return derivatives

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        gradient, *saved = ctx.saved_tensors
        inputs, index = tuple(saved[:N_INPUTS]), tuple(saved[N_INPUTS:])
        derivatives = tuple(torch.empty_like(t) for t in (gradient, *inputs))
        _call(ctx.kernels, "gated_sum_second", index, inputs, gradient, *_contiguous(cotangents), *derivatives)
        return (None, *derivatives, *(None for _ in range(N_INDEX)))


def _call(kernels: SumKernels, name: str, index: tuple[Tensor, ...], inputs: tuple[Tensor, ...], *rest: Tensor) -> None:
    src, src_order, src_starts, dst, _, dst_starts = index
    gates, projections, _ = inputs
    sizes = (projections.shape[0], src.shape[0], gates.shape[1], torch.get_num_threads())
    kernels.call(name, gates.dtype, src, dst, dst_starts, src_order, src_starts, *sizes, *inputs, *rest)


def _contiguous(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(tensor.contiguous() for tensor in tensors)
