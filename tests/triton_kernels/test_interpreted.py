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


@pytest.mark.skipif(interpreting(), reason="this is that process")
@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_all_kernels_are_right_in_the_interpreter() -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", str(FOLDER)]
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "failed" not in done.stdout
