"""C++ kernels for the CPU, compiled on demand; everything also runs without them."""

from alignn_ff.native.build import build, find_compiler, library_folder, library_path
from alignn_ff.native.kernels import Kernels, cached_kernels, find_kernels, kernels_for, using

__all__ = [
    "Kernels",
    "build",
    "cached_kernels",
    "find_compiler",
    "find_kernels",
    "kernels_for",
    "library_folder",
    "library_path",
    "using",
]
