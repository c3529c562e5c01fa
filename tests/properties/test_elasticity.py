"""Elastic constants: laws on analytic potentials."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones

from alignn_ff.properties import compute
from alignn_ff.properties.elasticity import ElasticResult
from alignn_ff.properties.elasticity.constants import strained
from alignn_ff.properties.elasticity.voigt import as_matrix, as_tensor, rotated
from alignn_ff.units import GPA_PER_EV_PER_A3
from tests.support.silicon import SW_LATTICE_A, silicon

FIRM = {"fmax_eV_per_A": 1e-6}


def elastic(atoms: object, **config: object) -> ElasticResult:
    result = compute("elastic", atoms, config={**FIRM, **config})  # type: ignore[arg-type]
    assert isinstance(result, ElasticResult)
    return result


@pytest.fixture(scope="module")
def result() -> ElasticResult:
    return elastic(silicon(cubic=True))


def test_silicon_has_the_known_constants_relaxed_and_clamped(result: ElasticResult) -> None:
    c, clamped = result.relaxed_GPa, result.clamped_GPa
    assert c[0, 0] == pytest.approx(151.42, abs=0.02)
    assert c[0, 1] == pytest.approx(76.42, abs=0.02)
    assert c[3, 3] == pytest.approx(56.45, abs=0.02)
    assert clamped[3, 3] == pytest.approx(109.76, abs=0.02)


def test_stresses_and_energies_give_the_same_stiffness(result: ElasticResult) -> None:
    step, energies = 1e-3, []
    for strain in np.linspace(-2, 2, 5) * step:
        cell = strained(result.atoms, np.array([strain, 0, 0, 0, 0, 0]))
        cell.calc = silicon().calc
        energies.append(cell.get_potential_energy())
    curvature = np.dot([-1, 16, -30, 16, -1], energies) / (12 * step**2) / result.atoms.get_volume()
    assert curvature * GPA_PER_EV_PER_A3 == pytest.approx(result.clamped_GPa[0, 0], abs=0.05)


def test_the_tensor_turns_with_the_crystal(result: ElasticResult) -> None:
    turned = silicon(cubic=True)
    turned.rotate(33.0, (1, 2, 3), rotate_cell=True)
    rotation = np.linalg.solve(silicon(cubic=True).cell.array, turned.cell.array).T
    expected = as_matrix(rotated(as_tensor(result.relaxed_GPa), rotation))
    np.testing.assert_allclose(elastic(turned).relaxed_GPa, expected, atol=0.02)
    np.testing.assert_allclose(elastic(turned, standard=True).relaxed_GPa, result.relaxed_GPa, atol=0.02)


def test_the_stress_of_the_cell_as_given_is_not_part_of_the_stiffness(result: ElasticResult) -> None:
    wide = silicon(cubic=True, lattice_A=1.005 * SW_LATTICE_A)
    found = elastic(wide, relax=False)
    assert abs(wide.get_stress()[0] * GPA_PER_EV_PER_A3) > 1.0
    step, stresses = 1e-4, []
    for sign in (-1.0, 1.0):
        cell = strained(wide, np.array([sign * step, 0, 0, 0, 0, 0]))
        cell.calc = wide.calc
        stresses.append(cell.get_stress() * GPA_PER_EV_PER_A3)
    slope = (stresses[1] - stresses[0]) / (2.0 * step)
    np.testing.assert_allclose(found.clamped_GPa[0, :2], slope[:2], rtol=2e-3)
    assert found.clamped_GPa[0, 0] < result.clamped_GPa[0, 0] - 1.0


def test_stresses_in_single_precision_give_the_same_stiffness(result: ElasticResult) -> None:
    exact = silicon().calc

    class Single(Calculator):
        implemented_properties = ("energy", "free_energy", "forces", "stress")

        def calculate(self, atoms: Atoms, properties: object, changes: object) -> None:
            copy = atoms.copy()
            copy.calc = exact
            energy = copy.get_potential_energy()
            rounded = {"forces": copy.get_forces(), "stress": copy.get_stress()}
            self.results = {name: values.astype(np.float32).astype(float) for name, values in rounded.items()}
            self.results |= {"energy": float(np.float32(energy)), "free_energy": float(np.float32(energy))}

    atoms = silicon(cubic=True)
    atoms.calc = Single()
    rough = compute("elastic", atoms, config={"fmax_eV_per_A": 1e-4})
    assert isinstance(rough, ElasticResult)
    np.testing.assert_allclose(rough.relaxed_GPa, result.relaxed_GPa, atol=0.1)


def test_a_pair_potential_obeys_cauchy() -> None:
    atoms = bulk("Ar", a=5.3)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=10.0, ro=8.0, smooth=True)
    c = elastic(atoms).relaxed_GPa
    assert c[0, 1] == pytest.approx(c[3, 3], rel=1e-3)


def test_averages_bound_each_other_and_velocities_follow_christoffel(result: ElasticResult) -> None:
    found = result.moduli
    assert found.shear[1] < found.shear[2] < found.shear[0]
    assert found.bulk[0] == pytest.approx((result.relaxed_GPa[0, 0] + 2 * result.relaxed_GPa[0, 1]) / 3)
    density = 8 * 28.085 * 1.66053906660 / result.atoms.get_volume() * 1e3
    c11, c44 = result.relaxed_GPa[0, 0], result.relaxed_GPa[3, 3]
    expected = np.sqrt(np.array([c44, c44, c11]) * 1e9 / density)
    np.testing.assert_allclose(result.velocities((1, 0, 0)), expected, rtol=1e-6)
    assert result.velocities((1, 0, 0))[2] == pytest.approx(8063, abs=5)


def test_an_unstable_crystal_is_marked() -> None:
    atoms = bulk("Ar", "bcc", a=4.2)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=10.0, ro=8.0, smooth=True)
    codes = [remark.code for remark in elastic(atoms).remarks]
    assert codes[:1] == ["unstable"]
