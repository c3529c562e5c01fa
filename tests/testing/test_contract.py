"""The shipped contract: it holds for ASE's own potentials, fails for broken ones, and needs no pytest."""

import subprocess
import sys

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from ase.calculators.morse import MorsePotential

from alignn_ff.potential import Potential
from alignn_ff.testing import (
    LAWS,
    NAMES,
    CalculatorContract,
    Figure,
    GeometryLaws,
    Law,
    Measured,
    PhysicsContract,
    PotentialContract,
    Setting,
    Tolerances,
    broken_laws,
    laws,
)
from tests.support.tiny_models import tiny_header, tiny_potential


def smooth_lennard_jones() -> LennardJones:
    return LennardJones(sigma=2.0, epsilon=0.1, rc=5.0, ro=3.5, smooth=True)


class TestLennardJones(CalculatorContract):
    """A potential of another package, wrapped in one line."""

    elements = (14,)
    cutoff_A = 5.0

    @pytest.fixture
    def potential(self) -> LennardJones:
        return smooth_lennard_jones()


class TestMorse(CalculatorContract):
    elements = (14,)
    cutoff_A = None

    @pytest.fixture
    def potential(self) -> MorsePotential:
        return MorsePotential(r0=2.35, epsilon=0.5, rho0=4.0, rcut1=1.6, rcut2=2.0)


class Pushed(LennardJones):
    """Forces that are not the derivatives of the energy."""

    def calculate(self, *args: object, **kwargs: object) -> None:
        super().calculate(*args, **kwargs)
        self.results["forces"] = self.results["forces"] + 0.01


class Anchored(LennardJones):
    """An energy that depends on the origin."""

    def calculate(self, *args: object, **kwargs: object) -> None:
        super().calculate(*args, **kwargs)
        self.results["energy"] += 1e-3 * float(self.atoms.positions[0, 2])


class Silicon(CalculatorContract):
    elements = (14,)
    cutoff_A = 5.0


@pytest.mark.parametrize(
    ("calculator", "law"),
    [
        (Pushed, "test_forces_are_minus_the_slope_of_the_reported_energy"),
        (Pushed, "test_forces_sum_to_zero"),
        (Anchored, "test_moved_structure_is_the_same"),
        (Anchored, "test_any_periodic_image_of_an_atom_will_do"),
    ],
)
def test_a_broken_calculator_breaks_the_law(calculator: type[Calculator], law: str) -> None:
    broken = broken_laws(Silicon(), calculator(sigma=2.0, epsilon=0.1, rc=5.0, ro=3.5, smooth=True), only=(law,))
    assert {each.law for each in broken} == {law}
    assert all(each.reason for each in broken)


def test_a_jump_at_the_cutoff_is_found() -> None:
    sharp = LennardJones(sigma=2.0, epsilon=0.1, rc=5.0)  # the energy is shifted, the forces jump
    assert {each.law for each in broken_laws(Silicon(), sharp)} == {
        "test_nothing_jumps_when_an_atom_crosses_the_cutoff",
        "test_forces_explain_the_energy_of_a_pair",
        "test_forces_explain_the_energy_of_a_triplet",
        "test_stress_explains_the_energy_of_a_scaled_cell",
    }


def test_all_laws_run_without_pytest() -> None:
    assert broken_laws(Silicon(), smooth_lennard_jones()) == []
    code = (
        "import sys; sys.modules['pytest'] = None; sys.modules['hypothesis'] = None\n"
        "import alignn_ff.testing\n"
        "print(len(list(alignn_ff.testing.laws(alignn_ff.testing.PhysicsContract()))))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) == len(list(laws(PhysicsContract())))


def test_a_potential_keeps_the_laws_of_its_kind_without_pytest() -> None:
    class Two(PotentialContract):
        """The contract without its slow laws."""

        test_forces_are_minus_the_slope_of_the_reported_energy = None
        test_stress_is_the_strain_slope_of_the_reported_energy = None

    assert "test_forces_are_minus_the_slope_of_the_reported_energy" not in dict(laws(Two()))
    assert broken_laws(Two(), tiny_potential(tiny_header((14,)))) == []


def test_tolerances_of_a_subclass_decide() -> None:
    class Forgiving(Silicon):
        tolerances = Tolerances(same=1.0, forces=1.0)

    pushed, law = (
        Pushed(sigma=2.0, epsilon=0.1, rc=5.0, smooth=True),
        "test_forces_are_minus_the_slope_of_the_reported_energy",
    )
    assert broken_laws(Silicon(), pushed, only=(law,))
    assert not broken_laws(Forgiving(), pushed, only=(law,))


def test_every_law_of_geometry_is_a_law_of_potentials_and_calculators() -> None:
    of_geometry = {f"test_{name}" for name, law in LAWS.items() if GeometryLaws.has(law)}
    for contract in (PhysicsContract, PotentialContract, CalculatorContract):
        assert of_geometry <= {name for name, _ in laws(contract())}


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_made_of_the_elements_of_the_potential(name: str) -> None:
    potential: Potential = tiny_potential()
    atoms = PhysicsContract().example(potential, name)
    assert set(np.unique(atoms.numbers)) <= set(potential.header.elements)


def test_every_law_of_the_table_is_a_method_of_the_contract_of_its_kind() -> None:
    of_physics = {name.removeprefix("test_") for name, _ in laws(PhysicsContract())}
    assert of_physics == {name for name, law in LAWS.items() if law.in_contracts}
    of_calculators = {name.removeprefix("test_") for name, _ in laws(Silicon())}
    assert of_calculators == {name for name, law in LAWS.items() if law.in_contracts and not law.of_potentials}


def test_a_row_added_to_the_table_is_a_test_of_a_contract_defined_later() -> None:
    def warm(setting: Setting, name: str) -> Measured:
        return Measured((Figure("energy", setting.results(setting.example(name)).energy, 0.0, "eV"),))

    LAWS["energy_is_negative"] = Law("negative energy", "energy", warm, cases={"name": {"molecule": "molecule"}})
    try:

        class Later(Silicon):
            """Has the new row."""

        assert broken_laws(Later(), smooth_lennard_jones(), only=("test_energy_is_negative",)) == []
        hot = LennardJones(sigma=4.0, epsilon=0.1, rc=5.0)
        (broken,) = broken_laws(Later(), hot, only=("test_energy_is_negative",))
        assert broken.case == ("molecule",)
        assert "limit 0 eV" in broken.reason
    finally:
        del LAWS["energy_is_negative"]
