"""The compiled kernels as Python sees them: tensors in, tensors out.

Nothing is loaded or compiled by itself: a driver asks for :func:`find_kernels` (compiles if need be) or
:func:`cached_kernels` (never compiles), and hands them to :func:`using`.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from alignn_ff.errors import CompilerError
from alignn_ff.native import build

DTYPES: Final[dict[torch.dtype, str]] = {torch.float32: "float32", torch.float64: "float64"}


class Kernels:
    """A loaded library.

    Attributes:
        path: of the library.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._library = ctypes.CDLL(str(path))
        except OSError as error:
            raise CompilerError(f"the compiled kernels {path} cannot be loaded: {error}") from error

    def call(self, name: str, dtype: torch.dtype, *arguments: Tensor | int | float) -> None:
        """Call one kernel.

        Args:
            name: of the kernel, without its dtype.
            dtype: of its floating-point arrays.
            arguments: contiguous CPU tensors of that dtype or int64, written where the kernel says so; numbers.
        """
        getattr(self._library, f"{name}_{DTYPES[dtype]}")(*map(_argument, arguments))

    def call_with(self, name: str, dtype: torch.dtype, arguments: ctypes.Structure) -> int:
        """Call one kernel that takes a struct and returns a number; what the struct points to must live on."""
        function = getattr(self._library, f"{name}_{DTYPES[dtype]}")
        function.restype = ctypes.c_int64
        status: int = function(ctypes.byref(arguments))
        return status


def find_kernels() -> Kernels:
    """The compiled kernels; compiles them if this machine has none yet, which takes some seconds.

    Raises:
        CompilerError: there is no compiler, or it failed.
    """
    compiler = build.find_compiler()
    if compiler is None:
        raise CompilerError("there is no C++ compiler (c++, g++ or clang++ on the PATH); install one, e.g. g++")
    path = build.library_path(compiler)
    if not path.exists():
        build.build(path, compiler)
    return _open(path)


def cached_kernels() -> Kernels | None:
    """The kernels if they are compiled already, else None; never compiles."""
    compiler = build.find_compiler()
    if compiler is None or not (path := build.library_path(compiler)).exists():
        return None
    return _open(path)


@contextmanager
def using(kernels: Kernels | None) -> Iterator[None]:
    """Sums over neighbours inside run on these kernels; None is torch."""
    token = _IN_USE.set(kernels)
    try:
        yield
    finally:
        _IN_USE.reset(token)


def kernels_for(tensors: Sequence[Tensor]) -> Kernels | None:
    """The kernels in use, if they can take these tensors: one dtype, on the CPU."""
    kernels = _IN_USE.get()
    if kernels is None:
        return None
    dtype = tensors[0].dtype
    fits = dtype in DTYPES and all(t.dtype == dtype and t.device.type == "cpu" for t in tensors)
    return kernels if fits else None


_IN_USE: ContextVar[Kernels | None] = ContextVar("kernels in use", default=None)


@cache
def _open(path: Path) -> Kernels:
    return Kernels(path)


def _argument(value: Tensor | int | float) -> ctypes.c_void_p | ctypes.c_int64 | ctypes.c_double:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    return ctypes.c_int64(value) if isinstance(value, int) else ctypes.c_double(value)
