"""Triton kernels for CUDA devices; everything also runs without them, and triton is imported only by who takes them."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.triton_kernels.kernels import TritonKernels, find_triton, triton_refusal

__all__ = ["TritonKernels", "find_triton", "triton_refusal"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {"alignn_ff.triton_kernels.kernels": ("TritonKernels", "find_triton", "triton_refusal")},
)
