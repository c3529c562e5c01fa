"""Triton's compiler takes every kernel, for devices that need not be here: the interpreter allows more than it does."""

from importlib.util import find_spec
from typing import Final

import pytest

from alignn_ff.triton_kernels.kernels import interpreting

pytestmark = [
    pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed"),
    pytest.mark.skipif(interpreting(), reason="the interpreter compiles nothing"),
]

SIZES: Final = {"n_nodes", "n_edges", "n_rows", "n_sources", "n_columns", "n_groups", "channels", "width"}
INDICES: Final = {"src", "dst", "order", "starts", "groups"}


@pytest.mark.parametrize("dtype", ["fp32", "fp64"])
@pytest.mark.parametrize("architecture", [80, 90])
def test_kernels_compile_to_machine_code(architecture: int, dtype: str, tmp_path, monkeypatch) -> None:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from alignn_ff.triton_kernels import contraction, gated_sum, tiles

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    rooms = {gated_sum: tiles.tile(64), contraction: contraction.tile(15, 32) | {"VALUES": True}}
    started = [
        (
            kernel,
            {name: value for name, value in sizes.items() if name in kernel.arg_names},
            {name: value for name, value in sizes.items() if name in ("num_warps", "enable_fp_fusion")},
        )
        for module, sizes in rooms.items()
        for kernel in vars(module).values()
        if isinstance(kernel, triton.runtime.JITFunction)
        and "starts" in kernel.arg_names
        and "EDGES" in kernel.arg_names
    ]
    assert len(started) == 9
    for kernel, constants, options in started:
        arguments = {name: _type(name, constants, dtype) for name in kernel.arg_names}
        target = GPUTarget("cuda", architecture, 32)
        made = triton.compile(ASTSource(kernel, arguments, constants), target=target, options=options)
        assert made.asm["cubin"], kernel.__name__


def _type(name: str, constants: dict[str, object], dtype: str) -> str:
    """Type of an argument of a kernel, in Triton's words."""
    if name in constants:
        return "constexpr"
    if name in SIZES:
        return "i32"
    return "*i64" if name in INDICES else f"*{dtype}"
