"""Operations on compiled kernels that are differentiable twice, and refuse a third time.

An operation NAME has three kernels: NAME, NAME_first for the derivatives of Σ G·out in its inputs, and NAME_second for
the derivatives of Σ u·first in G and in the inputs. Each makes all of its results at once. Nothing is kept but inputs.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from alignn_ff.native import SumKernels


class NativeOperation(NamedTuple):
    """An operation on arrays of certain sizes.

    Attributes:
        kernels: that have it.
        name: of its first kernel.
        dtype: of the kernels and the results.
        indices: integer arrays, contiguous, as its C++ source lists them.
        sizes: further numbers, which follow them.
        shapes: of the results.
    """

    kernels: SumKernels
    name: str
    dtype: torch.dtype
    indices: tuple[Tensor, ...]
    sizes: tuple[int | float, ...]
    shapes: tuple[tuple[int, ...], ...]

    def call(self, end: str, *arrays: Tensor) -> None:
        """Call one of its kernels."""
        sizes = (*self.sizes, torch.get_num_threads())
        self.kernels.call(self.name + end, self.dtype, *self.indices, *sizes, *arrays)


def run_native(operation: NativeOperation, *inputs: Tensor) -> tuple[Tensor, ...]:
    """The results of an operation."""
    results: tuple[Tensor, ...] = _Operation.apply(operation, *inputs)  # type: ignore[no-untyped-call]
    return results


class _Operation(Function):
    @staticmethod
    def forward(ctx: Any, operation: NativeOperation, *inputs: Tensor) -> tuple[Tensor, ...]:
        inputs = _contiguous(inputs)
        ctx.operation = operation
        ctx.save_for_backward(*inputs)
        results = tuple(inputs[0].new_empty(shape, dtype=operation.dtype) for shape in operation.shapes)
        operation.call("", *inputs, *results)
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *_First.apply(ctx.operation, *ctx.saved_tensors, *gradients))  # type: ignore[no-untyped-call]


class _First(Function):
    @staticmethod
    def forward(ctx: Any, operation: NativeOperation, *given: Tensor) -> tuple[Tensor, ...]:
        given = _contiguous(given)
        ctx.operation = operation
        ctx.save_for_backward(*given)
        derivatives = tuple(torch.empty_like(tensor) for tensor in given[: -len(operation.shapes)])
        operation.call("_first", *given, *derivatives)
        return derivatives

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        given, n_inputs = ctx.saved_tensors, len(cotangents)
        derivatives = tuple(torch.empty_like(tensor) for tensor in (*given[n_inputs:], *given[:n_inputs]))
        ctx.operation.call("_second", *given, *_contiguous(cotangents), *derivatives)
        n_gradients = len(given) - n_inputs
        return (None, *derivatives[n_gradients:], *derivatives[:n_gradients])


def _contiguous(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(tensor.contiguous() for tensor in tensors)
