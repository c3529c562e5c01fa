"""C++ kernels for the CPU, compiled on demand; everything also runs without them."""

from alignn_ff.native.kernels import Kernels, cached_kernels, find_kernels, kernels_for, using

__all__ = ["Kernels", "cached_kernels", "find_kernels", "kernels_for", "using"]
