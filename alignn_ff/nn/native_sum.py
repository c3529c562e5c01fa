"""The gated sum on compiled kernels: the same three functions as in ``gated_sum.py``, with nothing kept but the inputs.

Gates are recomputed wherever they are read. Differentiable twice, and refuses a third time.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from alignn_ff.native import Kernels

N_INDEX = 6


class NativeGatedSum(Function):
    """``apply(kernels, gates, a, b, values, weights, *edges.src, *edges.dst)``."""

    @staticmethod
    def forward(ctx: Any, kernels: Kernels, *inputs: Tensor) -> Tensor:
        inputs, index = _contiguous(inputs[:5]), inputs[5:]
        ctx.kernels = kernels
        ctx.save_for_backward(*inputs, *index)
        out = torch.empty_like(inputs[3])
        _call(kernels, "gated_sum", index, inputs, out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        derivatives = _First.apply(ctx.kernels, gradient, *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return (None, *derivatives, *(None for _ in range(N_INDEX)))


class _First(Function):
    @staticmethod
    def forward(ctx: Any, kernels: Kernels, gradient: Tensor, *saved: Tensor) -> tuple[Tensor, ...]:
        gradient, inputs, index = gradient.contiguous(), saved[:5], saved[5:]
        ctx.kernels = kernels
        ctx.save_for_backward(gradient, *saved)
        derivatives = tuple(torch.empty_like(t) for t in inputs)
        _call(kernels, "gated_sum_first", index, inputs, gradient, *derivatives)
        return derivatives

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        gradient, *saved = ctx.saved_tensors
        inputs, index = tuple(saved[:5]), tuple(saved[5:])
        derivatives = tuple(torch.empty_like(t) for t in (gradient, *inputs))
        _call(ctx.kernels, "gated_sum_second", index, inputs, gradient, *_contiguous(cotangents), *derivatives)
        return (None, *derivatives, *(None for _ in range(N_INDEX)))


def _call(kernels: Kernels, name: str, index: tuple[Tensor, ...], inputs: tuple[Tensor, ...], *rest: Tensor) -> None:
    src, src_order, src_starts, dst, _, dst_starts = index
    values, dtype = inputs[3], inputs[0].dtype
    sizes = (values.shape[0], src.shape[0], values.shape[1], torch.get_num_threads())
    kernels.call(name, dtype, src, dst, dst_starts, src_order, src_starts, *sizes, *inputs, *rest)


def _contiguous(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(tensor.contiguous() for tensor in tensors)
