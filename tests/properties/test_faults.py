"""Stacking faults: laws on analytic potentials."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.plots import property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.faults import FaultResult
from tests.support.silicon import silicon, tersoff


def fault(atoms: Atoms, **config: object) -> FaultResult:
    result = compute("stacking-fault", atoms, config=config)
    assert isinstance(result, FaultResult)
    return result


@pytest.fixture(scope="module")
def glide() -> FaultResult:
    return fault(silicon(), points=13)


def test_short_ranged_potentials_have_no_energy_of_the_intrinsic_fault(glide: FaultResult) -> None:
    assert glide.summary["intrinsic_fault_J_per_m2"] == pytest.approx(0.0, abs=1e-9)
    assert glide.summary["shift_of_the_intrinsic_fault_A"] == pytest.approx(glide.period / 3.0)


@pytest.mark.filterwarnings("ignore:'where' used without")  # of matscipy
def test_the_intrinsic_fault_of_tersoff_silicon_costs_nothing() -> None:
    atoms = bulk("Si", a=5.432)
    atoms.calc = tersoff()
    result = fault(atoms, points=7, max_energy_J_per_m2=0.1)
    assert result.relaxed[2] == pytest.approx(0.0, abs=1e-6)


def test_the_unstable_fault_of_the_glide_set_is_the_known_one(glide: FaultResult) -> None:
    assert glide.summary["unstable_fault_unrelaxed_J_per_m2"] == pytest.approx(4.79, abs=0.01)
    assert glide.summary["unstable_fault_J_per_m2"] == pytest.approx(3.09, abs=0.01)  # 3.19 in a cell of fixed height
    assert glide.summary["shift_of_the_unstable_fault_A"] == pytest.approx(glide.period / 6.0)


def test_a_shift_by_a_lattice_vector_is_the_crystal(glide: FaultResult) -> None:
    assert glide.checks == pytest.approx(
        {"whole_period_J_per_m2": 0.0, "no_shift_less_crystal_J_per_m2": 0.0}, abs=1e-9
    )
    assert glide.period == pytest.approx(glide.atoms.cell.lengths()[0] * np.sqrt(1.5))  # a/2 [11-2]


def test_both_senses_give_the_same_fault_and_collisions_are_told(glide: FaultResult) -> None:
    assert glide.unrelaxed.max() == pytest.approx(296.0, abs=1.0)  # where the sets collide
    assert np.isnan(glide.relaxed[8])
    other = fault(silicon(), points=13, along="-1,-1,2")
    assert other.reversed_sense != glide.reversed_sense
    np.testing.assert_allclose(other.unrelaxed, glide.unrelaxed, atol=1e-8)
    for key in ("intrinsic_fault_J_per_m2", "unstable_fault_J_per_m2"):
        assert other.summary[key] == pytest.approx(glide.summary[key], abs=1e-4)
    codes = [{remark.code for remark in result.remarks} for result in (glide, other)]
    assert all("collision" in found for found in codes)
    assert sum("reversed" in found for found in codes) == 1


def test_an_unstable_fault_behind_a_collision_is_not_reported() -> None:
    result = fault(silicon(), points=7, along="1,-1,0")
    assert result.summary["unstable_fault_J_per_m2"] is None
    (figure,) = property_figures(result).values()
    assert figure.axes


def test_the_summary_says_which_gap_slips(glide: FaultResult) -> None:
    shuffle = fault(silicon(), points=7, plane="shuffle")
    a = glide.atoms.cell.lengths()[0]
    assert glide.summary["gap_A"] == pytest.approx(a / np.sqrt(3.0) / 4.0)
    assert shuffle.summary["gap_A"] == pytest.approx(a * np.sqrt(3.0) / 4.0)
    assert shuffle.unrelaxed.max() < 0.1 * glide.unrelaxed.max()


def test_atoms_and_the_cell_move_along_the_normal_only(glide: FaultResult) -> None:
    start, relaxed = glide.frames[0], glide.frames[2]
    assert 0.1 < relaxed.cell.array[2, 2] - start.cell.array[2, 2] < 1.0  # the halves are pushed apart
    np.testing.assert_allclose(relaxed.cell.array[:2], start.cell.array[:2], atol=1e-12)
    shift = relaxed.cell.array[2, :2] - start.cell.array[2, :2]
    assert np.linalg.norm(shift) == pytest.approx(glide.period / 6.0, abs=1e-9)  # it did not go back


def test_the_height_of_the_cell_does_not_change_the_energy(glide: FaultResult) -> None:
    high = fault(silicon(), points=7, thickness_A=40.0, max_energy_J_per_m2=5.0)
    assert high.summary["unstable_fault_J_per_m2"] == pytest.approx(glide.relaxed[2], abs=2e-3)


def test_the_fault_of_copper_lies_between_crystal_and_unstable_fault() -> None:
    atoms = bulk("Cu", a=3.6)
    atoms.calc = EMT()
    result = fault(atoms, points=13)
    assert result.summary["shift_of_the_intrinsic_fault_A"] == pytest.approx(result.period / 3.0)
    energies = [result.summary[f"{kind}_fault_J_per_m2"] for kind in ("intrinsic", "unstable")]
    assert energies[0] < 0.1 < energies[1] < 0.5  # type: ignore[operator]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"along": "1,1,1"}, r"1,1,1 is not in the plane 1,1,1: h·u \+ k·v \+ l·w is 3"),
        ({"miller": "0,0,0"}, "0,0,0 are not a plane"),
        ({"along": "1,-1,0:1,0,-1"}, "takes one plane and one direction"),
        ({"max_atoms": 10}, "has 14 atoms, more than --max-atoms 10.*25 relaxations"),
        ({"plane": "wide"}, "it should be 'glide' or 'shuffle'"),
    ],
)
def test_what_cannot_be_computed_is_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fault(silicon(), **config)


def test_a_slab_is_refused() -> None:
    slab = fcc111("Cu", (1, 1, 4), vacuum=8.0, periodic=True)
    slab.calc = EMT()
    with pytest.raises(StructureError, match="a stacking fault needs a crystal"):
        fault(slab)


def test_a_shift_that_does_not_relax_is_left_out_and_told() -> None:
    result = fault(silicon(), points=7, max_energy_J_per_m2=5.0, relax=False, max_steps=1)
    assert np.isnan(result.relaxed[1])
    assert result.relaxed[2] == pytest.approx(0.0, abs=1e-6)
    assert result.summary["unstable_fault_J_per_m2"] is None
    assert "not_converged" in {remark.code for remark in result.remarks}
