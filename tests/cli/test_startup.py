"""Importing the package loads nothing that is not used; each test in a new interpreter."""

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import alignn_ff

HEAVY = ["torch", "matplotlib", "phonopy", "scipy", "matscipy", "h5py", "lmdb"]


def modules_after(code: str) -> set[str]:
    """Top-level modules that are loaded after running some code."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(finished.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["alignn_ff", "alignn_ff.errors", "alignn_ff.units"])
def test_import_loads_nothing_heavy(module: str) -> None:
    loaded = modules_after(f"import {module}")
    assert "alignn_ff" in loaded
    assert not loaded & {*HEAVY, "ase", "numpy", "pydantic", "typer"}


def test_command_line_loads_nothing_heavy_before_a_command_runs() -> None:
    loaded = modules_after("import alignn_ff.cli")
    assert not loaded & {*HEAVY, "ase", "numpy", "pydantic"}


def test_lammps_finds_the_plugin_without_heavy_imports() -> None:
    loaded = modules_after("from alignn_ff.interfaces.lammps import plugin_folder; plugin_folder()")
    assert not loaded & {*HEAVY, "ase", "numpy", "typer"}


TABLES = {"ase", "numpy", "scipy", "matscipy"}
"""Modules used by the rows of the ensembles, optimisers and formats that the help lists."""


@pytest.mark.parametrize(
    "arguments, allowed",
    [
        (["--help"], set()),
        (["--version"], set()),
        (["train", "--help"], set()),
        (["energy", "--help"], set()),
        (["export", "--help"], set()),
        (["lammps", "run", "--help"], set()),
        (["md", "--help"], TABLES),
        (["relax", "--help"], TABLES),
        (["analyze", "--help"], TABLES),
    ],
)
def test_help_answers_without_heavy_imports(arguments: list[str], allowed: set[str]) -> None:
    code = f"""
import sys
from alignn_ff.cli import main
sys.argv = ["alignn-ff", *{arguments!r}]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
    assert not modules_after(code) & ({*HEAVY, "ase", "numpy"} - allowed)


def test_calculator_loads_no_plotting() -> None:
    loaded = modules_after("from alignn_ff import AlignnCalculator, load_potential")
    assert "torch" in loaded
    assert not loaded & {"matplotlib", "phonopy", "h5py", "lmdb"}


def test_evaluation_loads_no_symbolic_algebra(si_model_file: Path) -> None:
    """It would take half a second, more than the evaluation of a small structure."""
    code = f"""
from ase.build import bulk
from alignn_ff import load_potential
load_potential({str(si_model_file)!r}, device="cpu", backend="eager").predict_tensors([bulk("Si")])
"""
    loaded = modules_after(code)
    assert "torch" in loaded
    assert not loaded & {"sympy", "matplotlib", "matscipy"}


ROOMS = (
    *("analysis", "batch", "check", "data_checks", "domain", "export", "md", "plots", "properties", "relax", "testing"),
    *("train", "trajectory", "zoo"),
)


@pytest.mark.parametrize("package", ["alignn_ff", *(f"alignn_ff.{room}" for room in ROOMS)])
def test_completion_lists_the_public_names_and_help_has_a_text_and_a_signature_for_each(package: str) -> None:
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__)
    for name in module.__all__:
        offered = getattr(module, name)
        if not (inspect.isclass(offered) or inspect.isfunction(offered)):
            continue
        assert (offered.__doc__ or "").strip(), name
        assert not (offered.__doc__ or "").startswith(f"{name}("), f"{name} has the text that dataclasses make"
        if not (inspect.isclass(offered) and issubclass(offered, Exception)):
            inspect.signature(offered)


def test_the_package_runs_as_a_module() -> None:
    ended = subprocess.run([sys.executable, "-m", "alignn_ff", "--version"], text=True, capture_output=True)
    assert (ended.returncode, ended.stdout.strip()) == (0, f"alignn-ff {alignn_ff.__version__}")


def test_only_public_names_are_offered() -> None:
    for name in alignn_ff.__all__:
        assert getattr(alignn_ff, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = alignn_ff.nonsense
