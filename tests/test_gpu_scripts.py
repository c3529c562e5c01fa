"""The scripts for a GPU run on the CPU from the first to the last line, so that they run at once where there is one."""

import json
import lzma
import os
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from tests.support.labelled_data import labelled

ROOT = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
def test_every_part_of_the_benchmark_runs_on_the_cpu(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks/gpu.py"), "--dry-run", "--output", str(tmp_path)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=1500)
    parts = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert {name: part["error"] for name, part in parts.items() if part["error"]} == {}, done.stderr
    assert all(part["rows"] for part in parts.values())
    assert sum(part["limit_s"] for part in parts.values()) / 20 <= 485


def test_a_part_that_fails_or_takes_too_long_keeps_its_numbers_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gpu_parts.py").write_text(
        """
import time
from types import SimpleNamespace
class Machine:
    def __init__(self, dry_run): pass
def broken(machine):
    yield {"number": 1.0}
    raise RuntimeError("no such kernel")
def endless(machine):
    yield {"number": 2.0}
    time.sleep(1000)
def fine(machine):
    yield {"number": 3.0}
ROWS = (("a", broken, 60), ("b", endless, 6), ("c", fine, 60))
PARTS = {name: SimpleNamespace(measure=measure, seconds=seconds) for name, measure, seconds in ROWS}
"""
    )
    script = tmp_path / "gpu.py"
    script.write_text((ROOT / "benchmarks/gpu.py").read_text())
    done = subprocess.run(
        [sys.executable, str(script), "--output", str(tmp_path / "out")], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    parts = json.loads((tmp_path / "out/gpu.json").read_text())["parts"]
    assert [part["rows"] for part in parts.values()] == [[{"number": 1.0}], [{"number": 2.0}], [{"number": 3.0}]]
    assert "no such kernel" in parts["a"]["error"]
    assert parts["b"]["error"] == "ended after 6 s"
    assert parts["c"]["error"] is None


def universal_frames() -> list[object]:
    """Fifty frames of twenty-five formulas."""
    generator, frames = np.random.default_rng(4), []
    elements = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")
    for index in range(50):
        atoms = bulk("Cu", a=3.9, cubic=True)
        atoms.set_chemical_symbols([elements[(index // 2 + shift) % 7] for shift in (0, 0, 1 + index % 5, 3)])
        atoms.positions += 0.05 * generator.normal(size=(4, 3))
        frames.append(labelled(atoms, "alloy"))
    return frames


@pytest.mark.slow
def test_the_model_of_many_elements_is_trained_in_pieces(tmp_path: Path) -> None:
    ase.io.write(tmp_path / "dft.extxyz", universal_frames(), format="extxyz")
    ase.io.write(tmp_path / "distilled.extxyz", universal_frames()[:10], format="extxyz")
    data, folder = tmp_path / "train.extxyz.xz", tmp_path / "out"
    prepare = [sys.executable, str(ROOT / "examples/universal/prepare.py"), "--output", str(data)]
    prepare += ["--dft", str(tmp_path / "dft.extxyz"), "--distilled", str(tmp_path / "distilled.extxyz")]
    subprocess.run([*prepare, "--copies", "1"], check=True, capture_output=True)
    assert lzma.decompress(data.read_bytes()).count(b"Lattice") == 60

    def piece(seconds: int, epochs: int) -> "subprocess.CompletedProcess[str]":
        fields = {"epochs": epochs, "lr_total_epochs": 10**6, "num_workers": 0, "model.hidden_features": 8}
        options = [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]
        command = [str(ROOT / "examples/universal/train_on_gpu.sh"), str(data), str(folder), str(seconds), *options]
        return subprocess.run([*command, "--no-check"], env=ENVIRONMENT, capture_output=True, text=True, timeout=600)

    for seconds in (40, 120, 360):  # a busy machine takes its first step late
        first = piece(seconds, epochs=10**6)
        if first.returncode == 0:
            break
        assert "before a step was taken" in first.stderr
    assert "the same command continues" in first.stdout
    last = piece(300, epochs=1)
    assert last.returncode == 0, last.stderr
    assert (folder / "best_model.pt").exists()
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 20e6
