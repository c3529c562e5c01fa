"""Properties stop where the numbers of the model are no predictions, or tell where the user goes on."""

from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import SimulationError
from alignn_ff.properties import PropertyResult, compute
from alignn_ff.properties import run as runs
from alignn_ff.properties.equation_of_state import EOSConfig
from tests.support.line_graph import LINE_GRAPH_MODEL


@pytest.fixture(scope="module")
def silicon() -> AlignnCalculator:
    return AlignnCalculator(LINE_GRAPH_MODEL, device="cpu", dtype="float64", backend="eager", outside="ignore")


def eos(atoms: Atoms, calculator: AlignnCalculator, **settings: object) -> PropertyResult:
    atoms.calc = calculator
    return compute("eos", atoms, config={"points": 7, **settings})


def test_a_crystal_like_the_data_has_no_remark(silicon: AlignnCalculator) -> None:
    assert not eos(bulk("Si"), silicon).remarks


@pytest.mark.parametrize("relax", [True, False])
def test_a_hole_of_the_model_has_no_properties(relax: bool, silicon: AlignnCalculator) -> None:
    with pytest.raises(SimulationError, match=r"outside of the training data: the energy is .* below all") as stopped:
        eos(bulk("Si", "fcc", a=3.6), silicon, relax=relax)
    assert stopped.value.exit_code == 4


def test_who_goes_on_is_told_also_after_a_restart(tmp_path: Path, silicon: AlignnCalculator) -> None:
    dense = bulk("Si", a=4.8)
    config = EOSConfig(points=7, relax=False, outside="warn")
    run = runs.PropertyRun("eos", (dense,), config, tmp_path / "si-eos", {})
    remarks = runs.compute(run, silicon).remarks
    assert {"outside_volume"} <= {remark.code for remark in remarks}
    assert runs.compute(run, silicon, resume=True).remarks == remarks


def test_the_parts_of_a_report_go_on_where_the_user_does(silicon: AlignnCalculator) -> None:
    dense = bulk("Si", a=4.8)
    dense.calc = silicon
    settings = {"parts": ("eos",), "relax": False, "outside": "warn"}
    result = compute("report", dense, config=settings)
    assert not result.failures  # type: ignore[attr-defined]
    assert "outside_volume" in {remark.code for remark in result.remarks}
