"""Python of README and docs: the blocks of a page run in order, on what its sentences take as given.

Each page with Python is in one of two tables: its blocks run here, or in a test of its subject. A new page fails until
it is in one. Blocks that need a cluster or a program that is not installed for tests are named with the reason.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ase.io
import pytest
from ase.build import add_adsorbate, bulk, fcc111
from ase.calculators.emt import EMT

from tests.support.committees import write_committee
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL

ROOT = Path(__file__).parents[1]

Given = Callable[[], dict[str, Any]]


def python_blocks(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def a_training() -> dict[str, Any]:
    write_frames(Path("frames.extxyz"), copper_frames(12))
    Path("config.json").write_text(json.dumps({**SMALL, "epochs": 1, "data": "frames.extxyz", "output_dir": "out"}))
    return {}


def a_committee_and_harvested_frames() -> dict[str, Any]:
    write_committee(Path("my-committee"))
    ase.io.write("harvest.extxyz", copper_frames(2))
    return {"atoms": bulk("Si"), "structures": [bulk("Si")], "my_dft_calculator": EMT}


def an_adatom_in_two_hollows() -> dict[str, Any]:
    ends = {"start": "fcc", "end": "hcp"}
    slabs = {name: fcc111("Cu", (2, 2, 2), vacuum=6.0) for name in ends}
    for name, hollow in ends.items():
        add_adsorbate(slabs[name], "Cu", 2.0, hollow)
    return {**slabs, "calculator": EMT()}


def phases() -> dict[str, Any]:
    return {"frames": [bulk("Cu"), bulk("Au"), bulk("CuAu", "rocksalt", a=5.0)], "calculator": EMT()}


def structures_in_a_database() -> dict[str, Any]:
    ase.io.write("structures.db", [bulk("Si", a=a) for a in (5.4, 5.5)])
    return {}


HERE: Final[dict[str, Given]] = {
    "README.md": dict,
    "docs/batch.md": structures_in_a_database,
    "docs/check.md": dict,
    "docs/domain.md": dict,
    "docs/engines.md": dict,
    "docs/export.md": dict,
    "docs/gpu.md": dict,
    "docs/index.md": dict,
    "docs/properties/crystals.md": dict,
    "docs/properties/dispersion.md": lambda: {"atoms": bulk("Si"), "other_calculator": EMT()},
    "docs/properties/formation.md": phases,
    "docs/properties/neb.md": an_adatom_in_two_hollows,
    "docs/python.md": a_training,
    "docs/uncertainty.md": a_committee_and_harvested_frames,
}
"""Page → what its blocks take as given: files in the current folder, and names."""

SLOW: Final = {"docs/check.md", "docs/export.md"}

ELSEWHERE: Final = {
    "docs/analysis.md": "tests/test_documented_rows.py",
    "docs/extending.md": "tests/test_documented_rows.py",
    "docs/relaxation.md": "tests/test_documented_rows.py",
    "docs/families.md": "tests/models/test_outside_family.py",
    "docs/kernels.md": "tests/execution/test_documented_backend.py",
}

NOT_RUN: Final = {
    "SLURMCluster(": "needs a cluster; tests/batch runs the same on Dask's own schedulers",
    "SlurmProvider(": "needs a cluster",
    "LocalCluster(": "a part of an example that tests/calculator/test_engines.py runs where Dask is installed",
    "torch_sim as ts": "tests/interfaces runs the model where torch-sim is installed",
    "MLPotential(": "tests/interfaces runs the potential where OpenMM is installed",
    "SocketClient(": "waits for a server; tests/calculator/test_engines.py starts one where i-PI is installed",
    "export.aoti import": "a part; tests/export/test_aoti.py evaluates such a file",
}
"""What a block contains → why it does not run."""


@pytest.mark.parametrize("page", [pytest.param(p, marks=pytest.mark.slow) if p in SLOW else p for p in HERE])
def test_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "a_page", **HERE[page]()}
    for block in python_blocks(page):
        if not any(words in block for words in NOT_RUN):
            exec(compile(block, page, "exec"), names)


def test_no_page_with_python_is_forgotten() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    with_python = {name for page in pages if python_blocks(name := str(page.relative_to(ROOT)))}
    assert with_python == set(HERE) | set(ELSEWHERE)
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


def test_every_block_that_does_not_run_still_exists() -> None:
    code = "\n".join(block for page in HERE for block in python_blocks(page))
    assert [words for words in NOT_RUN if words not in code] == []
