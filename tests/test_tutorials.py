"""Notebooks of docs/tutorials: they run in a fresh process and folder without Jupyter, and what is stored is whole."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alignn_ff.errors import ConfigError
from alignn_ff.interfaces.lammps import find_lammps

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted((DOCS / "tutorials").glob("*.ipynb"))
FAST = {"01-relax-a-vacancy"}
NEED_LAMMPS = {"07-lammps"}
LARGEST_FIGURE, LARGEST_SUM = 100_000, 1_500_000


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def figures(notebook: dict[str, Any]) -> list[bytes]:
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [base64.b64decode(o["data"]["image/png"]) for o in outputs if "image/png" in o.get("data", {})]


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=() if path.stem in FAST else pytest.mark.slow) for path in NOTEBOOKS],
)
def test_a_tutorial_runs_in_a_fresh_process_and_folder(path: Path) -> None:
    if path.stem in NEED_LAMMPS:
        try:
            lammps = find_lammps()
        except ConfigError as error:
            pytest.skip(f"no LAMMPS: {error}")
        if lammps.launcher is None:
            pytest.skip("no mpirun beside LAMMPS")
    words = [sys.executable, str(DOCS / "run_tutorials.py"), "--no-store", path.stem]
    ended = subprocess.run(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True, capture_output=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_is_a_whole_notebook_of_format_4(path: Path) -> None:
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"]) for cell in cells)
    assert cells[0]["source"][0].startswith("# ")
    for cell in cells:
        fields = {"id", "cell_type", "metadata", "source"}
        code = cell["cell_type"] == "code"
        assert set(cell) == fields | ({"outputs", "execution_count"} if code else set())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_is_stored_executed_in_order_without_errors_and_ends_with_a_figure(path: Path) -> None:
    code = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert "image/png" in code[-1]["outputs"][-1]["data"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_holds_no_paths_of_a_machine_and_no_magic(path: Path) -> None:
    notebook = read(path)
    texts = ["".join(cell["source"]) for cell in notebook["cells"]]
    texts += ["".join(o.get("text", [])) for cell in notebook["cells"] for o in cell.get("outputs", [])]
    assert not re.search(r"(?<![\w.~])/(home|tmp|work|usr|root|Users|opt)/", "\n".join(texts))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), path.name, "exec")  # fails for %magic and !shell


def test_figures_of_the_tutorials_are_small() -> None:
    sizes = [len(figure) for path in NOTEBOOKS for figure in figures(read(path))]
    assert max(sizes) <= LARGEST_FIGURE
    assert sum(path.stat().st_size for path in NOTEBOOKS) <= LARGEST_SUM


def test_the_page_of_the_tutorials_and_the_navigation_name_each_notebook() -> None:
    index = (DOCS / "tutorials" / "index.md").read_text(encoding="utf-8")
    navigation = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"({path.name})" in index
        assert f"tutorials/{path.stem}.md" in navigation
