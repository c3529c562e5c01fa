"""C++ kernels for the CPU, compiled on demand; everything also runs without them."""

from alignn_ff.native.kernels import DTYPES, Kernels, cached_kernels, find_kernels, kernels_for, using

__all__ = ["DTYPES", "Kernels", "cached_kernels", "find_kernels", "kernels_for", "using"]
