"""C++ kernels for the CPU, compiled on demand, and which kernels are in use; everything also runs without them."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.native.in_use import SumKernels, kernels_for, using
    from alignn_ff.native.kernels import DTYPES, Kernels, cached_kernels, find_kernels

__all__ = ["DTYPES", "Kernels", "SumKernels", "cached_kernels", "find_kernels", "kernels_for", "using"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.native.in_use": ("SumKernels", "kernels_for", "using"),
        "alignn_ff.native.kernels": ("DTYPES", "Kernels", "cached_kernels", "find_kernels"),
    },
)
