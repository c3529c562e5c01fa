"""The tests of this folder in Triton's interpreter, in a process of its own: triton reads the variable on import."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from alignn_ff.triton_kernels.kernels import interpreting

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


SUMS = FOLDER / "test_sums.py"
FEW = [
    f"{SUMS}::test_gated_sum_and_two_derivatives_are_those_of_torch[5-30-dtype1]",
    f"{SUMS}::test_moments_and_two_derivatives_are_those_of_torch[2-1-dtype1]",
]
"""Seconds; all of them take a minute."""


@pytest.mark.skipif(interpreting(), reason="this is that process")
@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
@pytest.mark.parametrize("chosen", [FEW, pytest.param([str(FOLDER)], marks=pytest.mark.slow)], ids=["few", "all"])
def test_kernels_are_right_in_the_interpreter(chosen: list[str]) -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *chosen]
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
