"""The examples of ``docs/engines.md`` run unchanged: path integrals of i-PI, and a workflow of Dask."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import units

from alignn_ff.relax import RelaxConfig

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: str, *words: object, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES / script), *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.slow
def test_silicon_in_path_integrals_of_i_pi_has_its_zero_point_motion(tmp_path: Path) -> None:
    pytest.importorskip("ipi")
    printed = run("path_integral/silicon.py", "--steps", 200, "--temperature", 100, "--folder", "p", folder=tmp_path)
    quantum, classical = map(float, re.findall(r"([\d.]+) meV/atom", printed))
    assert classical == pytest.approx(1500 * units.kB * 100, abs=0.06)
    assert 1.4 * classical < quantum < 3.5 * classical  # a Debye crystal at 645 K has 2.5
    rows = np.loadtxt(tmp_path / "p" / "silicon.properties")
    drift = np.ptp(rows[:, 2]) / 8
    assert drift < 2e-3  # eV/atom: forces and energies that the socket carries belong to each other


@pytest.mark.slow
def test_a_workflow_of_dask_finds_the_bulk_modulus(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    printed = run("workflow/pressure_curve.py", folder=tmp_path)
    results = json.loads((tmp_path / "pressure_curve.json").read_text())
    volumes = [result["volume_A3"] for result in results]
    assert volumes == sorted(volumes, reverse=True)
    assert {result["space_group"] for result in results} == {"Fd-3m (227)"}
    assert float(re.findall(r"bulk modulus at 0 GPa: ([\d.]+)", printed)[0]) == pytest.approx(90, abs=15)


@pytest.mark.slow
def test_a_task_that_fails_does_not_affect_the_others(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    run("workflow/pressure_curve.py", "--model", "nope", "--pressures", 0, 1, folder=tmp_path)
    results = json.loads((tmp_path / "pressure_curve.json").read_text())
    assert all("no model 'nope'" in result["error"] for result in results)


def test_the_examples_use_settings_that_exist() -> None:
    text = (EXAMPLES / "workflow" / "pressure_curve.py").read_text()
    for name in re.findall(r"(\w+)=", text.split("RelaxConfig(")[1].split(")")[0]):
        assert name in RelaxConfig.model_fields
