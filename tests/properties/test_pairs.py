"""Curves of two atoms: laws on Lennard-Jones and EMT, holes, elements, the command."""

from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from alignn_ff import AlignnCalculator
from alignn_ff.errors import ConfigError
from alignn_ff.properties import compute
from alignn_ff.properties.pairs import DimerResult
from alignn_ff.properties.pairs.result import Dimer
from tests.support.command_line import CommandLine
from tests.support.line_graph import LINE_GRAPH_MODEL


def curves(calculator: object, **config: object) -> DimerResult:
    result = compute("dimer", calculator=calculator, config=config)  # type: ignore[arg-type]
    assert isinstance(result, DimerResult)
    return result


def test_a_lennard_jones_pair_has_its_minimum_and_forces_push_outwards_inside_it() -> None:
    calculator = LennardJones(sigma=3.4, epsilon=0.0104, rc=10.0, ro=8.0, smooth=True)
    result = curves(calculator, elements=("Ar",), shortest_A=2.5, longest_A=10.5, points=400)
    (pair,) = result.dimers
    assert pair.distance[pair.lowest] == pytest.approx(3.4 * 2 ** (1 / 6), abs=0.02)
    assert pair.energy.min() == pytest.approx(-0.0104, rel=1e-3)
    assert (pair.force[pair.distance < 3.7] > 0).all()
    assert (pair.force[(pair.distance > 4.0) & (pair.distance < 9.9)] < 0).all()
    assert pair.work_error < 1e-6
    assert pair.energy[-1] == 0
    assert not result.remarks


def test_all_pairs_of_the_elements_are_computed_against_single_atoms() -> None:
    result = curves(EMT(), elements=("Cu", "Au"), shortest_A=1.5, points=60)
    assert [pair.name for pair in result.dimers] == ["Cu-Cu", "Cu-Au", "Au-Au"]
    assert all(pair.energy[pair.lowest] < 0 < pair.energy[0] for pair in result.dimers)
    assert set(result.tables) == {"Cu-Cu", "Cu-Au", "Au-Au"}


def test_holes_and_several_minima_are_found() -> None:
    distance = np.linspace(0.5, 5.0, 200)
    wall = np.exp(-2 * (distance - 2)) - 2 * np.exp(-(distance - 2))
    hole = wall - 80.0 * np.exp(-((distance / 0.6) ** 2))
    assert Dimer(("A", "B"), distance, wall, wall).hole_A is None
    found = Dimer(("A", "B"), distance, hole, hole, training_A=1.5).hole_A
    assert found is not None
    assert 0.5 < found < 1.5
    waves = wall + 0.2 * np.cos(8 * distance)
    assert Dimer(("A", "B"), distance, waves, waves).n_minima > 1
    assert Dimer(("A", "B"), distance, wall, wall).n_minima == 1


def test_the_range_of_the_training_data_and_the_cutoff_come_from_the_model() -> None:
    result = curves(AlignnCalculator(LINE_GRAPH_MODEL, dtype="float64"), points=40)
    (pair,) = result.dimers
    assert pair.elements == ("Si", "Si")
    assert pair.training_A == pytest.approx(1.83, abs=0.01)
    assert result.cutoff_A == 5.0
    assert pair.energy[-1] == pytest.approx(0.0, abs=1e-9)
    assert result.remarks[0].code == "several_minima"


def test_elements_and_ranges_are_checked() -> None:
    with pytest.raises(ConfigError, match="does not state its elements; choose some"):
        curves(EMT())
    with pytest.raises(ConfigError, match="Cx is not a chemical symbol"):
        curves(EMT(), elements=("Cx",))
    with pytest.raises(ConfigError, match="not above the shortest"):
        curves(EMT(), elements=("Cu",), longest_A=0.2)
    with pytest.raises(ConfigError, match="there is no calculator"):
        compute("dimer")
    with pytest.raises(ConfigError, match="takes 0 structure"):
        compute("dimer", AlignnCalculator("si"))  # type: ignore[arg-type]


def test_the_command_needs_no_structure(tmp_path: Path, command_line: CommandLine) -> None:
    found = command_line("dimer", "--elements", "Si", "--points", "30", "-o", tmp_path / "pairs")
    assert found.code == 0, found.stderr
    assert "Si-Si lowest at, Å" in found.stdout
    assert {file.name for file in tmp_path.iterdir()} == {"pairs.json", "pairs-Si-Si.csv", "pairs-curves.png"}
    refused = command_line("dimer", "--elements", "Uuo", "-o", tmp_path / "other")
    assert refused.code == 2
