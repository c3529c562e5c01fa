"""Thermal conductivity: laws on analytic potentials."""

import io

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones

from alignn_ff.errors import SimulationError
from alignn_ff.plots import property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.conductivity import KappaResult
from tests.support.silicon import silicon

pytest.importorskip("phono3py")
QUICK = {"min_width_A": 10.0, "meshes_A": (12.0, 16.0), "min_temperature_K": 300.0, "temperature_step_K": 350.0}


@pytest.fixture(scope="module")
def result() -> KappaResult:
    found = compute("kappa", silicon(), config={**QUICK, "isotopes": False})
    assert isinstance(found, KappaResult)
    return found


def test_silicon_has_the_known_conductivity_on_a_fixed_mesh(result: KappaResult) -> None:
    """A tolerance of symmetry that is not far below the displacements gives an eighth of it."""
    assert result.meshes[1].mesh == (5, 5, 5)
    assert result.mean[0] == pytest.approx(363.8, rel=0.005)


def test_the_tensor_has_the_symmetry_of_the_crystal_and_falls_as_one_over_the_temperature(result: KappaResult) -> None:
    tensor = result.kappa[0]
    np.testing.assert_allclose(tensor, tensor[0, 0] * np.eye(3), atol=1e-6 * tensor[0, 0])
    ratio = result.mean[2] / result.mean[1] * result.temperatures[2] / result.temperatures[1]
    assert ratio == pytest.approx(1.0, abs=0.06)


def test_meshes_that_differ_are_told(result: KappaResult) -> None:
    assert [remark.code for remark in result.remarks][:2] == ["mesh", "phonons_only"]
    assert result.checks["mesh_difference_percent"] > 5.0


def test_the_direct_solution_conducts_better_than_relaxation_times(result: KappaResult) -> None:
    direct = compute("kappa", silicon(), config={**QUICK, "isotopes": False, "solver": "direct"})
    assert isinstance(direct, KappaResult)
    assert (direct.mean >= result.mean).all()


def test_rough_forces_do_not_lower_the_conductivity(result: KappaResult) -> None:
    """Without symmetries imposed on the third order, noise of 1e-5 eV/Å halves it."""
    rng = np.random.default_rng(0)
    atoms, exact = silicon(), silicon().calc

    class Rough(Calculator):
        implemented_properties = ("energy", "free_energy", "forces", "stress")

        def calculate(self, atoms: Atoms, properties: object, changes: object) -> None:
            copy = atoms.copy()
            copy.calc = exact
            forces = copy.get_forces()
            energy = copy.get_potential_energy()
            noisy = forces + rng.normal(scale=1e-5, size=forces.shape)
            self.results = {"energy": energy, "free_energy": energy, "forces": noisy, "stress": copy.get_stress()}

    atoms.calc = Rough()
    rough = compute("kappa", atoms, config={**QUICK, "isotopes": False, "relax": False})
    assert isinstance(rough, KappaResult)
    assert rough.mean[0] == pytest.approx(result.mean[0], rel=0.03)


def test_isotopes_scatter(result: KappaResult) -> None:
    mixed = compute("kappa", silicon(), config=QUICK)
    assert isinstance(mixed, KappaResult)
    assert (mixed.mean < result.mean).all()


def test_an_unstable_crystal_is_refused() -> None:
    atoms = bulk("Ar", "bcc", a=4.2)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=7.5, ro=6.5, smooth=True)
    with pytest.raises(SimulationError, match="not dynamically stable"):
        compute("kappa", atoms, config={**QUICK, "supercell": (2, 2, 2), "fmax_eV_per_A": 1e-4})


def test_the_figure_is_drawn(result: KappaResult) -> None:
    for figure in property_figures(result).values():
        figure.savefig(io.BytesIO())
    assert "phono3py" in result.documents["phono3py.yaml"][:200]
