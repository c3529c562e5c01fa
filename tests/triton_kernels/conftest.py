"""Where Triton kernels are tested: on a CUDA device, or with TRITON_INTERPRET=1 in Triton's interpreter on the CPU."""

from importlib.util import find_spec

import pytest
import torch

from alignn_ff.triton_kernels import TritonKernels, find_triton
from alignn_ff.triton_kernels.kernels import interpreting

DEVICE = torch.device("cpu" if interpreting() else "cuda")


@pytest.fixture
def triton_kernels() -> TritonKernels:
    """The kernels, on ``where``."""
    if find_spec("triton") is None:
        pytest.skip("triton is not installed")
    if not interpreting() and not torch.cuda.is_available():
        pytest.skip("no CUDA device; TRITON_INTERPRET=1 runs the kernels on the CPU, as test_interpreted.py does")
    return find_triton()


@pytest.fixture
def where() -> torch.device:
    """The device of the kernels."""
    return DEVICE
