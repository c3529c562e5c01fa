"""The ASE calculator: one evaluation for all properties, in the units and with the names of ASE."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.io import read, write
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.testing import assert_allclose

from alignn_ff import AlignnCalculator, checkpoint
from alignn_ff.errors import ConfigError, ElementNotCoveredError, ModelNotFoundError, StructureError
from alignn_ff.execution import Limits
from alignn_ff.potential import Potential
from alignn_ff.testing import structure
from tests.support.tiny_models import ELEMENTS, tiny_header, tiny_model, tiny_potential

CARD = """
name = "{name}"
summary = "A tiny model."
elements = {symbols}
family = "alignn_smooth"
data = "none"
data_licence = "none"
data_reference = "none"
level_of_theory = "none"
licence = "MIT"
n_parameters = 1
cutoff_A = 4.5
three_body_cutoff_A = 3.2
sha256 = ""
[metrics]
"""


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry, the number of atoms, at each evaluation of any potential."""
    seen: list[int] = []
    evaluate = Potential.evaluate

    def counted(self: Potential, system, graph, **options):  # type: ignore[no-untyped-def]
        seen.append(len(system.positions))
        return evaluate(self, system, graph, **options)

    monkeypatch.setattr(Potential, "evaluate", counted)
    return seen


@pytest.fixture
def atoms() -> Atoms:
    atoms = structure("rattled bulk", ELEMENTS)
    atoms.calc = AlignnCalculator(tiny_potential())
    return atoms


@pytest.fixture
def small_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zoo of two models: only silicon, and three elements."""
    for name, elements, symbols in (("all", ELEMENTS, ["H", "O", "Si"]), ("si", (14,), ["Si"])):
        header = tiny_header(elements)
        checkpoint.save(tmp_path / name / "model.pt", header, tiny_model(header).state_dict())
        (tmp_path / name / "card.toml").write_text(CARD.format(name=name, symbols=symbols))
    monkeypatch.setattr(importlib.import_module("alignn_ff.zoo.cards"), "zoo_folder", lambda: tmp_path)


def test_one_evaluation_gives_all_properties(atoms: Atoms, evaluations: list[int]) -> None:
    energy = atoms.get_potential_energy()
    atoms.get_forces()
    atoms.get_stress()
    atoms.get_potential_energies()
    assert atoms.get_potential_energy() == energy
    assert evaluations == [8]


def test_moved_atom_or_cell_is_evaluated_again(atoms: Atoms, evaluations: list[int]) -> None:
    energies = [atoms.get_potential_energy()]
    atoms.positions[0, 0] += 0.1
    energies.append(atoms.get_potential_energy())
    atoms.set_cell(atoms.cell * 1.01, scale_atoms=True)
    energies.append(atoms.get_potential_energy())
    atoms.numbers[0] = 8 if atoms.numbers[0] != 8 else 1
    energies.append(atoms.get_potential_energy())
    atoms.pbc = (True, True, False)
    energies.append(atoms.get_potential_energy())
    assert len(evaluations) == len(set(energies)) == 5
    atoms.info["note"] = "not a change"
    atoms.set_momenta(np.ones((8, 3)))
    atoms.get_forces()
    assert len(evaluations) == 5


def test_a_tolerance_of_ase_holds_for_lengths_and_only_where_it_is_given(atoms: Atoms) -> None:
    atoms.get_potential_energy()
    moved = atoms.copy()
    moved.positions[0, 0] += 1e-6
    moved.cell[0, 0] += 1e-6
    assert atoms.calc.check_state(moved) == ["positions", "cell"]
    assert atoms.calc.check_state(moved, tol=1e-7) == ["positions", "cell"]
    assert atoms.calc.check_state(moved, tol=1e-5) == []
    moved.numbers[0], moved.pbc = 1 if moved.numbers[0] != 1 else 8, ~moved.pbc
    assert atoms.calc.check_state(moved, tol=1e-5) == ["numbers", "pbc"]


def test_calculator_reports_the_potential_in_units_of_ase(atoms: Atoms) -> None:
    prediction = tiny_potential().predict_tensors([atoms])[0]
    assert atoms.get_potential_energy() == float(prediction.energy)
    assert atoms.get_potential_energy(force_consistent=True) == float(prediction.energy)
    assert_allclose(atoms.get_forces(), prediction.forces.numpy(), rtol=0, atol=0)
    assert_allclose(voigt_6_to_full_3x3_stress(atoms.get_stress()), prediction.stress[0].numpy(), rtol=0, atol=1e-15)
    assert_allclose(atoms.get_stress(voigt=False), prediction.stress[0].numpy(), rtol=0, atol=1e-15)


def test_energies_of_atoms_sum_to_the_energy(atoms: Atoms) -> None:
    assert atoms.get_potential_energies().shape == (8,)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), rel=1e-12)


def test_results_are_the_callers_to_change(atoms: Atoms) -> None:
    forces = atoms.get_forces()
    atoms.get_forces()[:] = 0.0
    assert_allclose(atoms.get_forces(), forces, rtol=0, atol=0)


def test_single_precision_is_close_to_double() -> None:
    single, double = (AlignnCalculator(tiny_potential(dtype=d)) for d in ("float32", "float64"))
    atoms = structure("slab with a cell", ELEMENTS)
    assert single.get_potential_energy(atoms) == pytest.approx(double.get_potential_energy(atoms), abs=1e-5)
    assert_allclose(single.get_forces(atoms), double.get_forces(atoms), atol=2e-5)
    assert_allclose(single.get_stress(atoms), double.get_stress(atoms), atol=2e-7)
    assert single.get_forces(atoms).dtype == np.float64


def test_stress_without_a_volume_does_not_exist_but_forces_do(evaluations: list[int]) -> None:
    atoms = structure("molecule", ELEMENTS)
    atoms.calc = AlignnCalculator(tiny_potential())
    with pytest.raises(PropertyNotImplementedError, match="give the structure a cell"):
        atoms.get_stress()
    assert atoms.get_forces().shape == (6, 3)
    assert np.isfinite(atoms.get_potential_energy())
    assert evaluations == [6]


def test_one_calculator_serves_structures_of_different_sizes() -> None:
    calculator = AlignnCalculator(tiny_potential())
    for name in ("bulk", "one-atom cell", "free atom", "molecule", "bulk"):
        atoms = structure(name, ELEMENTS)
        assert calculator.get_forces(atoms).shape == (len(atoms), 3)


def test_unknown_element_is_named_and_nothing_stale_remains(atoms: Atoms) -> None:
    atoms.get_potential_energy()
    atoms.numbers[3] = 79
    for _ in range(2):
        with pytest.raises(ElementNotCoveredError, match=r"'tiny' covers H, O, Si, but the structure has Au"):
            atoms.get_potential_energy()
    assert not atoms.calc.results


def test_structure_that_makes_no_sense_is_refused(atoms: Atoms) -> None:
    atoms.positions[1] = atoms.positions[6]
    with pytest.raises(StructureError, match="1 and 6"):
        atoms.get_potential_energy()


@pytest.mark.usefixtures("small_zoo")
def test_auto_takes_the_smallest_model_that_covers_all_elements() -> None:
    for numbers, expected in (((14,), "si"), ((8, 14), "all"), ((1,), "all")):
        atoms = structure("bulk", numbers)
        atoms.calc = AlignnCalculator(device="cpu")
        atoms.get_potential_energy()
        assert atoms.calc.potential.name == expected


@pytest.mark.usefixtures("small_zoo")
def test_auto_names_the_models_when_none_fits() -> None:
    atoms = Atoms("C")
    atoms.calc = AlignnCalculator(device="cpu")
    with pytest.raises(
        ElementNotCoveredError, match=r"no shipped model covers C. Shipped models: all \(H, O, Si\); si"
    ):
        atoms.get_potential_energy()
    with pytest.raises(ConfigError, match="a structure is needed"):
        _ = AlignnCalculator().potential


@pytest.mark.usefixtures("small_zoo")
def test_model_is_loaded_by_name_in_the_requested_precision() -> None:
    import torch

    calculator = AlignnCalculator("si", device="cpu", dtype="float64")
    assert calculator.potential.dtype == torch.float64
    assert calculator.potential.header.elements == (14,)
    with pytest.raises(ModelNotFoundError, match="the zoo has all, si"):
        AlignnCalculator("sj")


def test_results_survive_a_trajectory_file(atoms: Atoms, tmp_path: Path) -> None:
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    write(tmp_path / "frame.traj", atoms)
    again = read(tmp_path / "frame.traj")
    assert again.get_potential_energy() == energy
    assert_allclose(again.get_forces(), forces, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"dtype": "float32"}, r"dtype torch.float32 was requested, but it has torch.float64"),
        ({"device": "cpu:0"}, r"device cpu:0 was requested, but it has cpu"),
        ({"backend": "blocked"}, r"backend blocked was requested, but it has eager"),
        ({"limits": Limits(10**9)}, r"limits Limits\(memory_bytes=1000000000\) was requested"),
    ],
)
def test_what_contradicts_a_loaded_potential_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        AlignnCalculator(tiny_potential(), **asked)


def test_what_agrees_with_a_loaded_potential_is_taken() -> None:
    potential = tiny_potential()
    calculator = AlignnCalculator(potential, device="cpu", dtype="float64", backend="eager", limits=Limits())
    assert calculator.potential is potential
    assert AlignnCalculator(potential, backend="auto").potential is potential
