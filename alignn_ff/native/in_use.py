"""Which kernels sums over neighbours take: those of a context, or none, which means torch.

In: kernels, from C++ (``kernels.py``) or of another kind with the same interface (``alignn_ff/triton_kernels/``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

Operation = Literal[
    "gated_sum",
    "gated_mean",
    "normed_silu",
    "contraction",
    "sent_contraction",
    "bond_basis",
    "moments",
    "both_ends",
    "invariants",
]
"""What there can be kernels for; the kernels of an operation have names of their own."""


class SumKernels(Protocol):
    """Kernels that layers call."""

    @property
    def name(self) -> str:
        """Name, as in the training config."""

    def takes(self, operation: Operation, tensors: Sequence[Tensor]) -> bool:
        """Whether there are kernels for an operation on these tensors."""

    def call(self, name: str, dtype: torch.dtype, *arguments: Any) -> None:
        """Call one kernel: contiguous tensors that it reads or writes, and sizes, as its C++ source lists them."""


@contextmanager
def using(kernels: SumKernels | None) -> Iterator[None]:
    """A context in which sums over neighbours use these kernels; None means torch."""
    token = _IN_USE.set(kernels)
    try:
        yield
    finally:
        _IN_USE.reset(token)


def kernels_for(operation: Operation, tensors: Sequence[Tensor]) -> SumKernels | None:
    """The kernels in use, if they have the operation and can take these tensors."""
    kernels = _IN_USE.get()
    return kernels if kernels is not None and kernels.takes(operation, tensors) else None


_IN_USE: ContextVar[SumKernels | None] = ContextVar("kernels in use", default=None)
