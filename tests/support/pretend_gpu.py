"""A device that is not there: CPU numbers in tensors of another device, checked and counted operation by operation.

Inside ``PretendGpu()`` the device ``GPU`` holds tensors. An operation on tensors of both devices raises, as on a real
GPU. An operation for which a GPU would have to hand a number to the host (``.item()``, ``.cpu()``, ``nonzero``, boolean
masks, …) is noted as a wait, a copy of host numbers to the device as an upload, each with the place in the package that
asked for it. The numbers are those of the CPU, bit for bit.

``GPU`` is torch's device ``meta``, since torch's own fake tensors on ``cuda`` cannot be differentiated in a build of
torch without CUDA, and do not carry numbers, on which neighbour selections and integrators depend.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

import alignn_ff

GPU: Final = torch.device("meta")
CPU: Final = torch.device("cpu")
PACKAGE: Final = str(Path(alignn_ff.__file__).parent)
aten = torch.ops.aten

COPIES: Final = {aten._to_copy, aten.copy_, aten.lift_fresh, aten._foreach_copy_}
TAKE_A_NUMBER: Final = {aten.masked_fill, aten.masked_fill_, aten.fill, aten.fill_, aten.index_put, aten.index_put_}
"""Operations that also take one number from the host."""

WAITS: Final = {
    aten._linalg_check_errors: "check of a solution",
    aten._local_scalar_dense: "one number",
    aten._unique2: "unique",
    aten.bincount: "bincount",
    aten.equal: "equal",
    aten.is_nonzero: "one number",
    aten._linalg_eigh: "eigenvalues",
    aten._linalg_svd: "singular values",
    aten.masked_select: "boolean mask",
    aten.nonzero: "nonzero",
    aten.unique_consecutive: "unique",
    aten.unique_dim: "unique",
}
"""Operations for which the host waits until the device has caught up."""


class MixedDevicesError(AssertionError):
    """An operation got tensors of both devices."""


class Event(NamedTuple):
    """What was asked for, and where: ``graph/transfer.py:system_to``."""

    what: str
    place: str


class OnGpu(Tensor):
    """A tensor of the pretended device; ``numbers`` are its numbers on the CPU."""

    numbers: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, numbers: Tensor) -> "OnGpu":
        made: OnGpu = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            numbers.shape,
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=GPU,
        )
        made.numbers = numbers
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"on the GPU: {self.numbers}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.numbers.__reduce_ex__(protocol)  # files hold the numbers, and are read to the CPU

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise MixedDevicesError(f"{func} outside of PretendGpu")


class PretendGpu(TorchDispatchMode):
    """Where the device is there.

    Attributes:
        waits: of the host for the device.
        uploads: copies from the host to the device.
    """

    def __init__(self, waits: "list[Event] | None" = None, uploads: "list[Event] | None" = None) -> None:
        super().__init__()
        self.waits: list[Event] = [] if waits is None else waits
        self.uploads: list[Event] = [] if uploads is None else uploads

    def __enter__(self) -> "PretendGpu":
        self._makers = _MadeOnTheHost()
        self._makers.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._makers.__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if OnGpu not in types and kwargs.get("device") != GPU:
            return func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        here = [tensor for tensor in tensors if isinstance(tensor, OnGpu)]
        target = kwargs.get("device")
        _refuse_mixture(func, tensors, here)
        self._note(func, args, kwargs, here)
        host_args, host_kwargs = tree_map(_on_host, (args, kwargs))
        result = func(*host_args, **host_kwargs)
        if not (here if target is None else target == GPU):
            return result
        if func._overloadpacket is aten._to_copy and result is host_args[0]:
            result = result.clone()
        wrapped = tree_map(lambda leaf: OnGpu(leaf) if isinstance(leaf, Tensor) else leaf, result)
        return return_and_correct_aliasing(func, args, kwargs, wrapped) if here else wrapped

    @contextmanager
    def in_threads(self) -> Iterator[None]:
        """The device is there in threads that begin inside, too; modes of torch belong to a thread."""
        run = threading.Thread.run

        def inside(thread: threading.Thread) -> None:
            with PretendGpu(self.waits, self.uploads):
                run(thread)

        threading.Thread.run = inside  # type: ignore[method-assign]
        try:
            yield
        finally:
            threading.Thread.run = run  # type: ignore[method-assign]

    @contextmanager
    def step(self) -> Iterator["Step"]:
        """Count what happens inside."""
        n_waits, n_uploads, step = len(self.waits), len(self.uploads), Step([], [])
        yield step
        step.waits.extend(self.waits[n_waits:])
        step.uploads.extend(self.uploads[n_uploads:])

    def _note(self, func: Any, args: Any, kwargs: Mapping[str, Any], here: list[Tensor]) -> None:
        operation, target = func._overloadpacket, kwargs.get("device")
        if operation is aten.copy_ and isinstance(args[0], OnGpu) != isinstance(args[1], OnGpu):
            target = GPU if isinstance(args[0], OnGpu) else CPU
        if (target == GPU and not here and operation is aten._to_copy) or (target == GPU and operation is aten.copy_):
            self.uploads.append(Event("copy to the device", _place()))
        if not here:
            return
        if operation in COPIES and target == CPU:
            later = " that is not waited for" if kwargs.get("non_blocking") else ""
            self.waits.append(Event(f"copy to the host{later}", _place()))
        elif operation in WAITS or _sized_by_numbers(operation, args, kwargs):
            self.waits.append(Event(WAITS.get(operation, "size that depends on numbers"), _place()))


class Step(NamedTuple):
    """What happened in one step."""

    waits: list[Event]
    uploads: list[Event]


class _MadeOnTheHost(TorchFunctionMode):
    """``torch.tensor([…], device=GPU)`` makes its numbers on the host first, ``tolist`` copies them back first."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and torch.device(kwargs.get("device") or CPU) == GPU:
            return func(*args, **{**kwargs, "device": CPU}).to(GPU)
        if func is Tensor.new_tensor and args[0].device == GPU:
            return torch.tensor(*args[1:], dtype=kwargs.get("dtype", args[0].dtype)).to(GPU)
        if func is Tensor.tolist and args[0].device == GPU:
            return args[0].cpu().tolist()
        return func(*args, **kwargs)


def _refuse_mixture(func: Any, tensors: list[Tensor], here: list[Tensor]) -> None:
    """Numbers of the host (tensors without dimensions) may take part in arithmetic, as on a real GPU."""
    elsewhere = [tensor for tensor in tensors if not isinstance(tensor, OnGpu)]
    operation = func._overloadpacket
    if not here or not elsewhere or operation in COPIES:
        return
    numbers_only = all(tensor.ndim == 0 for tensor in elsewhere)
    if numbers_only and (torch.Tag.pointwise in func.tags or operation in TAKE_A_NUMBER or "_foreach" in str(func)):
        return
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in elsewhere)
    raise MixedDevicesError(f"{func} at {_place()}: tensors on the device and of the host, of shape {shapes}")


def _sized_by_numbers(operation: Any, args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether the shape of a result depends on numbers of the device."""
    if operation in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_):
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return operation is aten.repeat_interleave and kwargs.get("output_size") is None


def _on_host(leaf: Any) -> Any:
    if isinstance(leaf, OnGpu):
        return leaf.numbers
    return CPU if isinstance(leaf, torch.device) and leaf == GPU else leaf


def _place() -> str:
    """The innermost function of the package that is running."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            return f"{frame.f_code.co_filename[len(PACKAGE) + 1 :]}:{frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return "outside of the package"
