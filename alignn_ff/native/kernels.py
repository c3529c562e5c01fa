"""The Python interface of the compiled kernels: tensors in, tensors out.

Nothing is loaded or compiled automatically: a driver calls :func:`find_kernels` (compiles if necessary) or
:func:`cached_kernels` (never compiles), and passes the result to :func:`~alignn_ff.native.using`.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from alignn_ff.errors import AlignnError, CompilerError, KernelError, MemoryLimitError
from alignn_ff.native import build
from alignn_ff.native.arguments import DONE, LAYOUT, NO_MEMORY, REFUSED
from alignn_ff.native.private import check_private

DTYPES: Final[dict[torch.dtype, str]] = {torch.float32: "float32", torch.float64: "float64"}
OPERATIONS: Final = frozenset(
    {"gated_sum", "gated_mean", "normed_silu", "bond_basis", "moments", "both_ends", "invariants"}
)
"""What layers find kernels for."""

Argument = Tensor | int | float | ctypes.Structure


class Kernels:
    """A loaded library.

    Attributes:
        name: of this kind of kernels.
        path: of the library.

    Raises:
        CompilerError: it cannot be loaded, other users can write to it, or it was made for other structs.
    """

    name: Final = "native"

    def __init__(self, path: Path) -> None:
        check_private(path.parent)
        check_private(path)
        self.path = path
        try:
            self._library = ctypes.CDLL(str(path))
            _check_layout(self._library, path)
        except OSError as error:
            raise CompilerError(f"the compiled kernels {path} cannot be loaded: {error}") from error
        self._functions: dict[str, Callable[..., int]] = {}

    def __str__(self) -> str:
        return str(self.path)

    def takes(self, operation: str, tensors: Sequence[Tensor]) -> bool:
        """Whether there are kernels for an operation on these tensors: one dtype, on the CPU."""
        dtype = tensors[0].dtype
        if operation not in OPERATIONS or dtype not in DTYPES:
            return False
        return all(tensor.dtype == dtype and tensor.device.type == "cpu" for tensor in tensors)

    def call(
        self, name: str, dtype: torch.dtype, *arguments: Argument, refusal: Callable[[], AlignnError] | None = None
    ) -> None:
        """Call one kernel and check what it returns.

        Args:
            name: of the kernel, without its dtype.
            dtype: of its floating-point arrays.
            arguments: contiguous CPU tensors of that dtype or int64, which the kernel reads or writes; numbers;
                or one struct, whose arrays must outlive the call.
            refusal: makes the error to raise if the kernel refuses its input.

        Raises:
            MemoryLimitError: the kernel cannot allocate its work memory.
            KernelError: it failed, or refused its input.
        """
        status = self._function(f"{name}_{DTYPES[dtype]}")(*map(_argument, arguments))
        if status == DONE:
            return
        if status == NO_MEMORY:
            raise MemoryLimitError(
                f"the compiled kernel {name} cannot allocate its work memory; use a smaller structure or batch, "
                "or end other programs"
            )
        if status == REFUSED and refusal is not None:
            raise refusal()
        raise KernelError(f"the compiled kernel {name} of {self.path} returned status {status}; use backend eager")

    def count(self, name: str, dtype: torch.dtype, arguments: ctypes.Structure) -> int:
        """Call a kernel that returns a number instead of a status."""
        return self._function(f"{name}_{DTYPES[dtype]}")(ctypes.byref(arguments))

    def _function(self, name: str) -> Callable[..., int]:
        function = self._functions.get(name)
        if function is None:
            function = self._library[name]
            function.restype = ctypes.c_int64
            self._functions[name] = function
        return function


def find_kernels() -> Kernels:
    """The compiled kernels; compiles them if they are not in the cache yet, which takes some seconds.

    Raises:
        CompilerError: there is no compiler, it failed, or the library in the cache does not belong to this user.
    """
    compiler = build.find_compiler()
    if compiler is None:
        raise CompilerError("there is no C++ compiler (c++, g++ or clang++ on the PATH); install one, e.g. g++")
    path = build.library_path(compiler)
    if not path.exists():
        build.build(path, compiler)
    return _open(path)


def cached_kernels() -> Kernels | None:
    """The kernels if they are already compiled, else None; never compiles.

    Raises:
        CompilerError: the library in the cache cannot be loaded, or does not belong to this user.
    """
    compiler = build.find_compiler()
    if compiler is None or not (path := build.library_path(compiler)).exists():
        return None
    return _open(path)


@cache
def _open(path: Path) -> Kernels:
    return Kernels(path)


def _check_layout(library: ctypes.CDLL, path: Path) -> None:
    """Compare sizes of structs and constants of Python and C++."""
    try:
        layout = library.alignn_layout
    except AttributeError:
        raise CompilerError(f"{path} is not a library of kernels; remove it, and it is compiled again") from None
    layout.restype, layout.argtypes = ctypes.c_double, [ctypes.c_char_p]
    compiled = {name: layout(name.encode()) for name in LAYOUT}
    differing = [
        f"{name} is {compiled[name]:g}, not {value:g}" for name, value in LAYOUT.items() if compiled[name] != value
    ]
    if differing:
        raise CompilerError(
            f"the compiled kernels {path} were made for other arguments than this version passes: "
            f"{'; '.join(differing)}. Remove the file, and it is compiled again"
        )


def _argument(value: Argument) -> object:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, ctypes.Structure):
        return ctypes.byref(value)
    return ctypes.c_int64(value) if isinstance(value, int) else ctypes.c_double(value)
