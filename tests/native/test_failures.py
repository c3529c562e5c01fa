"""A kernel that cannot allocate memory, or refuses its input, is an error in Python; the process continues."""

import ctypes
import subprocess

import pytest
import torch

from alignn_ff.errors import CompilerError, KernelError, MemoryLimitError, StructureError
from alignn_ff.execution.contract import Limits
from alignn_ff.execution.smooth.native import build_native
from alignn_ff.execution.smooth.weights import pack
from alignn_ff.native import build
from alignn_ff.native.arguments import DONE, FAILED, NO_MEMORY, AverageArguments, SmoothArguments
from tests.support.tiny_models import tiny_header, tiny_model

ENDLESS = 2**60
"""A number of rows that does not fit into memory; its size in bytes is still an int64."""

THROWING = """
#include <stdexcept>
#include "guarded.h"
using namespace alignn;
extern "C" int64_t in_threads(int64_t n, int64_t bad, int64_t* done) {
  return guarded([=] {
    Caught caught;
#pragma omp parallel for num_threads(4)
    for (int64_t i = 0; i < n; ++i)
      caught.run([=] {
        if (i == bad) throw std::bad_alloc();
        done[i] = 1;
      });
    caught.rethrow();
  });
}
extern "C" int64_t another() {
  return guarded([]() -> int64_t { throw std::runtime_error("not memory"); });
}
"""


def entering() -> "ctypes.Array[ctypes.c_int64]":
    return (ctypes.c_int64 * 2)(0, ENDLESS // 1024)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_memory_that_a_kernel_cannot_get_before_its_threads_start_is_an_error(kernels, dtype) -> None:
    with pytest.raises(MemoryLimitError, match=r"kernel smooth cannot allocate its work memory.*smaller structure"):
        kernels.call("smooth", dtype, SmoothArguments(n_atoms=ENDLESS, threads=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_memory_that_a_thread_cannot_get_is_an_error(kernels, dtype, threads) -> None:
    groups, rows = (ctypes.c_int64 * 2)(0, 0), entering()
    arguments = AverageArguments(
        n_groups=1,
        width=64,
        threads=threads,
        disjoint=1,
        groups=ctypes.addressof(groups),
        entering=ctypes.addressof(rows),
    )
    with pytest.raises(MemoryLimitError, match="kernel gated_average cannot allocate"):
        kernels.call("gated_average", dtype, arguments)


def test_memory_that_a_kernel_of_a_training_cannot_get_is_an_error(kernels) -> None:
    empty = torch.zeros(0)
    with pytest.raises(MemoryLimitError, match="kernel normed_silu cannot allocate"):
        kernels.call("normed_silu", torch.float32, 1, ENDLESS // 2, 1, 1e-5, empty, empty, empty, empty)


def test_an_input_that_a_kernel_refuses_is_an_error_even_if_the_caller_expects_none(kernels) -> None:
    with pytest.raises(KernelError, match=r"gated_average .* returned status 3; use backend eager"):
        kernels.call("gated_average", torch.float32, AverageArguments(width=24, threads=1))
    with pytest.raises(StructureError, match=r"^as the caller puts it$"):
        kernels.call(
            "gated_average",
            torch.float32,
            AverageArguments(width=24, threads=1),
            refusal=lambda: StructureError("as the caller puts it"),
        )


def test_exceptions_leave_neither_a_thread_nor_the_library(tmp_path) -> None:
    compiler = build.find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler")
    (tmp_path / "throwing.cpp").write_text(THROWING)
    words = [compiler, "-std=c++17", "-fopenmp", "-shared", "-fPIC", f"-I{build.SOURCES}", "throwing.cpp", "-o", "t.so"]
    subprocess.run(words, check=True, cwd=tmp_path)
    library = ctypes.CDLL(str(tmp_path / "t.so"))
    done = (ctypes.c_int64 * 8)()
    in_threads = library.in_threads
    in_threads.argtypes, in_threads.restype = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p], ctypes.c_int64
    assert in_threads(8, 3, done) == NO_MEMORY
    assert done[3] == 0
    assert in_threads(8, -1, done) == DONE
    assert list(done) == [1] * 8
    assert library.another() == FAILED


def test_a_library_that_reads_another_number_of_weights_is_refused(kernels, monkeypatch) -> None:
    model = tiny_model(tiny_header())
    n_weights = pack(model).values.numel()
    monkeypatch.setattr(
        "alignn_ff.execution.smooth.native.pack",
        lambda model: pack(model)._replace(values=torch.zeros(n_weights + 1)),
    )
    with pytest.raises(CompilerError, match=f"read {n_weights} weights of this model, and {n_weights + 1} are packed"):
        build_native(model, Limits())
