"""The Python interface of the Triton kernels: that of the C++ kernels, for tensors on a CUDA device.

Nothing is imported automatically: a driver calls :func:`find_triton`, which imports triton and makes a trial sum, and
passes the result to :func:`alignn_ff.native.using`. With ``TRITON_INTERPRET=1`` in the environment, the interpreter of
triton runs the same kernels on the CPU, thousands of times slower: for tests.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Final

import torch
from torch import Tensor

from alignn_ff.errors import CompilerError

OPERATIONS: Final = frozenset({"gated_sum", "contraction", "sent_contraction"})
"""What there are kernels for."""
DTYPES: Final = frozenset({torch.float32, torch.float64})


class TritonKernels:
    """The kernels, once triton is imported and a trial succeeded."""

    name: Final = "triton"

    def __init__(self) -> None:
        from alignn_ff.triton_kernels.contraction import CONTRACTIONS
        from alignn_ff.triton_kernels.gated_sum import GATED_SUMS

        self._device_type = "cpu" if interpreting() else "cuda"
        self._calls: dict[str, Callable[..., None]] = GATED_SUMS | CONTRACTIONS

    def __str__(self) -> str:
        return self.name

    def takes(self, operation: str, tensors: Sequence[Tensor]) -> bool:
        """Whether there are kernels for an operation on these tensors: one dtype, on one CUDA device."""
        dtype, device = tensors[0].dtype, tensors[0].device
        if operation not in OPERATIONS or dtype not in DTYPES or device.type != self._device_type:
            return False
        return all(tensor.dtype == dtype and tensor.device == device for tensor in tensors)

    def call(self, name: str, dtype: torch.dtype, *arguments: Tensor | int) -> None:  # noqa: ARG002 - triton reads it
        """Call one kernel.

        Args:
            name: of the kernel.
            dtype: of its floating-point arrays.
            arguments: contiguous tensors on one device, which the kernel reads or writes; sizes.
        """
        written = arguments[-1]
        assert isinstance(written, Tensor)
        with torch.cuda.device_of(written):
            self._calls[name](*arguments)


def interpreting() -> bool:
    """Whether kernels run in Triton's interpreter, on the CPU."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def triton_refusal(device: torch.device) -> str | None:
    """Why there are no Triton kernels for a device, None where there may be; imports nothing."""
    if device.type != ("cpu" if interpreting() else "cuda"):
        return f"it is for CUDA devices, and the model is on {device}"
    if find_spec("triton") is None:
        return "triton is not installed here; torch for CUDA brings it on Linux, or pip install 'alignn-ff[triton]'"
    return None


@cache
def find_triton() -> TritonKernels:
    """The kernels, after a trial sum, which compiles the first one (seconds, once per machine).

    Raises:
        CompilerError: triton is not installed or cannot compile here, or the sum is wrong.
    """
    device = torch.device("cpu" if interpreting() else "cuda")
    refusal = triton_refusal(device)
    if refusal is not None:
        raise CompilerError(refusal)
    from triton.errors import TritonError

    try:
        kernels = TritonKernels()
        found = _trial(kernels, device)
    except (TritonError, ImportError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        raise CompilerError(f"triton cannot run its kernels on {device}: {error}; take backend eager") from error
    if not torch.allclose(found, torch.tensor([0.0, 3.0])):
        raise CompilerError(f"a trial sum of triton on {device} gave {found.tolist()}, not [0, 3]; take backend eager")
    return kernels


def _trial(kernels: TritonKernels, device: torch.device) -> Tensor:
    """An edge from node 0, which sends 2, to node 1, with weight 3 and gate σ(0): (2,) 0 and 3."""
    src, order, src_starts, dst, dst_starts = (
        torch.tensor(numbers, device=device) for numbers in ([0], [0], [0, 1], [1], [0, 0])
    )
    index = (src, dst, dst_starts, order, src_starts)
    gates, weights, out = torch.zeros(1, 1, device=device), torch.full((1, 1), 3.0, device=device), torch.empty(2, 1)
    projections = torch.tensor([[0.0, 0.0, 2.0], [0.0, 0.0, 5.0]], device=device)
    out = out.to(device)
    kernels.call("gated_sum", torch.float32, *index, 2, 1, 1, 1, gates, projections, weights, out)
    return out.squeeze(1).cpu()
