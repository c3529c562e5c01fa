"""Forecasts: what a property will cost, before it starts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT

from alignn_ff.errors import AlignnError, ConfigError
from alignn_ff.properties import PROPERTIES, Work
from alignn_ff.properties.forecast import Forecast, forecast
from alignn_ff.properties.forecast.timing import TimeLaw
from tests.support.command_line import CommandLine


class Recording(EMT):
    """EMT that keeps the number of atoms of each evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        assert atoms is not None
        self.sizes.append(len(atoms))
        super().calculate(atoms, properties, changes)


SMALL: dict[str, dict[str, Any]] = {
    "phonon": {"supercell": (2, 2, 2), "mesh_length_A": 10.0},
    "eos": {"points": 7},
    "elastic": {},
    "vacancy": {"min_width_A": 7.0, "starts": ("unrattled", "inward"), "defect_fmax_eV_per_A": 0.01},
    "interstitial": {"min_width_A": 7.0, "starts": ("unrattled",), "defect_fmax_eV_per_A": 0.05},
    "surface": {"miller": "1,0,0", "thickness_A": 8.0, "slab_fmax_eV_per_A": 0.01},
    "stacking-fault": {"points": 5, "thickness_A": 10.0, "fault_fmax_eV_per_A": 0.05},
    "dimer": {"elements": ("Cu", "Au"), "longest_A": 4.0, "points": 20},
}


def planned(name: str, *structures: Atoms, **config: Any) -> Forecast:
    row = PROPERTIES[name]
    found = forecast(row, structures, row.config().model_validate(config), Work(EMT()))
    assert found is not None
    return found


@pytest.mark.parametrize("name", SMALL)
def test_the_plan_foresees_the_largest_structure_and_about_the_evaluations(name: str) -> None:
    row, copper = PROPERTIES[name], bulk("Cu", a=3.62)
    structures = [copper] if row.inputs else []
    calculator = Recording()
    row.run(structures, row.config().model_validate(SMALL[name]), Work(calculator))
    found = planned(name, *structures, **SMALL[name])
    assert abs(found.largest - max(calculator.sizes)) <= 1  # an interstitial adds an atom
    assert len(calculator.sizes) / 5 < found.evaluations < 15 * len(calculator.sizes)


def test_single_evaluations_are_counted_exactly() -> None:
    found = planned("phonon", bulk("Cu"), supercell=(3, 3, 3), relax=False)
    assert [(part.n_structures, part.n_atoms) for part in found.parts] == [(1, 1), (2, 27)]
    low = planned("phonon", bulk("Cu", cubic=True).repeat((2, 1, 1)), supercell=(3, 3, 3), relax=False)
    assert low.parts[1] == found.parts[1]  # of the primitive cell


def test_every_property_of_the_package_has_a_plan() -> None:
    assert all(row.plan is not None for row in PROPERTIES.values())


def test_the_time_is_that_of_the_evaluations() -> None:
    found = planned("eos", bulk("Cu"), points=5)
    law = TimeLaw(0.5, 0.25)
    fixed = Forecast(found.parts, law, None)
    assert fixed.minutes == pytest.approx(fixed.evaluations * 0.75 / 60.0)
    assert np.isfinite(found.minutes)
    assert found.minutes > 0.0


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("phonon", {"min_width_A": 200.0}),
        ("qha", {"min_width_A": 200.0}),
        ("kappa", {"third_order_width_A": 200.0, "supercell": (2, 2, 2)}),
        ("vacancy", {"min_width_A": 200.0}),
        ("surface", {"miller": "1,0,0", "thickness_A": 5000.0}),
        ("stacking-fault", {"thickness_A": 5000.0}),
    ],
)
def test_what_is_too_large_is_refused_with_its_cost(name: str, config: dict[str, Any]) -> None:
    found = planned(name, bulk("Cu"), **config)
    assert found.largest > 1000
    with pytest.raises(ConfigError, match=r"more than --max-atoms 1000.*about \d+ evaluations, "):
        found.check()


def test_a_plan_refuses_what_the_property_would() -> None:
    molecule = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]])
    for name, row in PROPERTIES.items():
        if row.inputs == ("STRUCTURE",) and name not in ("hull", "thermo"):
            with pytest.raises(AlignnError):
                planned(name, molecule)


def test_a_dry_run_prints_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command_line: CommandLine
) -> None:
    monkeypatch.chdir(tmp_path)
    bulk("Si", a=5.45).write("si.vasp")
    found = command_line("phonon", "si.vasp", "--supercell", "2,2,2", "--dry-run")
    assert found.code == 0, found.stderr
    assert "displaced supercells" in found.stdout
    assert "2 of 16 atoms" in found.stdout
    content = json.loads(command_line("phonon", "si.vasp", "--supercell", "2,2,2", "--dry-run", "--json").stdout)
    assert content["largest_n_atoms"] == 16
    large = command_line("phonon", "si.vasp", "--min-width", "60", "--dry-run")
    assert large.code == 2
    assert "evaluations" in large.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["si.vasp"]
    run = command_line("eos", "si.vasp", "--points", "5", "--fmax", "0.05", "--no-figures", "--json")
    assert "up to 2 atoms, about" in run.stderr
    json.loads(run.stdout)
