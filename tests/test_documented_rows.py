"""The rows that docs/analysis.md and docs/relaxation.md add as examples work as they are printed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff.analysis import OBSERVABLES, AnalysisConfig, analyze
from alignn_ff.md import MDConfig
from alignn_ff.plots import observable_figures
from alignn_ff.relax import CELL_MODES, OPTIMIZERS, RelaxConfig, RelaxRecords, read_state, relax, resume
from alignn_ff.trajectory import FORMATS, QUANTITIES
from tests.support.trajectories import trajectory

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def tables() -> Iterator[None]:
    """Remove added rows afterwards."""
    every: tuple[dict[str, Any], ...] = (OBSERVABLES, FORMATS, QUANTITIES, OPTIMIZERS, CELL_MODES)
    before = [dict(table) for table in every]
    yield
    for table, rows in zip(every, before, strict=True):
        table.clear()
        table.update(rows)


def run_examples(page: str, **names: object) -> None:
    for code in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL):
        exec(code, dict(names))


@pytest.mark.usefixtures("tables")
def test_rows_of_the_page_on_analysis(tmp_path: Path) -> None:
    run_examples("analysis.md", LinesFile=object, read_lines=iter)
    analysis = analyze(trajectory(tmp_path), config=AnalysisConfig(observables=("height",)))
    (axes,) = observable_figures(analysis)["height"].axes
    assert axes.get_ylabel() == "height (Å)"
    assert MDConfig(steps=1, formats=("lines",), quantities=("charges",)).quantities == ("charges",)


@pytest.mark.usefixtures("tables")
def test_rows_of_the_page_on_relaxation(tmp_path: Path) -> None:
    run_examples("relaxation.md")
    start: Atoms = bulk("Cu", cubic=True, a=3.65)
    start.rattle(0.05, seed=0)
    chosen = {"optimizer": "mdmin", "relax_cell": "uniaxial"}
    whole = relax(start, EMT(), config=RelaxConfig(**chosen, max_steps=6))
    relax(start, EMT(), config=RelaxConfig(**chosen, max_steps=4), records=RelaxRecords(state=tmp_path / "s.json"))
    assert resume(read_state(tmp_path / "s.json"), EMT(), max_steps=6).steps == whole.steps
