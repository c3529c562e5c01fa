"""Equation of state: laws on analytic potentials."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.properties import compute
from alignn_ff.properties.equation_of_state import EOSResult, doubts
from alignn_ff.properties.volume_curves import FORMS, fit_curve, modulus_at_minimum
from alignn_ff.units import GPA_PER_EV_PER_A3
from tests.support.silicon import silicon, tersoff


@pytest.fixture(scope="module")
def eos() -> EOSResult:
    result = compute("eos", silicon(lattice_A=5.5))
    assert isinstance(result, EOSResult)
    return result


def test_the_bulk_modulus_is_that_of_the_elastic_constants(eos: EOSResult) -> None:
    assert eos.fit.bulk_modulus_GPa == pytest.approx(101.42, rel=2e-3)  # (C11 + 2 C12)/3 of this potential
    assert eos.checks["bulk_modulus_from_stress_GPa"] == pytest.approx(101.42, rel=2e-4)


def test_the_bulk_modulus_at_the_minimum_needs_no_form(eos: EOSResult) -> None:
    assert eos.modulus_at_minimum_GPa == pytest.approx(101.42, rel=1e-4)
    volumes = np.linspace(19.0, 21.0, 11)
    wavy = 0.5 * 0.6 / 20.0 * (volumes - 20.0) ** 2 * (1.0 + 0.3 * np.sin(1.5 * (volumes - 20.0)))
    expected = 0.6 * GPA_PER_EV_PER_A3
    assert modulus_at_minimum(volumes, wavy) == pytest.approx(expected, rel=5e-3)
    assert abs(fit_curve(volumes, wavy, "birch-murnaghan").bulk_modulus_GPa / expected - 1.0) > 1e-2
    assert np.isnan(modulus_at_minimum(volumes, -volumes))


def test_a_form_that_misses_the_minimum_is_told(eos: EOSResult) -> None:
    stretch = (eos.volumes / eos.relaxed_volume_A3 - 1.0) / 0.05
    wavy = replace(eos, energies=eos.energies * (1.0 + 2e-5 * stretch**2 * np.sin(3.0 * stretch + 1.0)))
    again = replace(wavy, fits={name: fit_curve(wavy.volumes, wavy.energies, name) for name in FORMS})
    assert "form_misses" in [remark.code for remark in doubts(again)]


def test_a_crystal_of_lennard_jones_has_the_exact_lattice_sums() -> None:
    atoms = bulk("Ar", a=1.55)
    atoms.calc = LennardJones(sigma=1.0, epsilon=1.0, rc=6.0, smooth=False)
    result = compute("eos", atoms, config={"volume_range": 0.02, "points": 7, "relax": False})
    assert isinstance(result, EOSResult)
    a6, a12 = 14.45392, 12.13188  # lattice sums of the face-centred cubic lattice
    assert (4.0 * result.fit.volume_A3) ** (1 / 3) == pytest.approx(np.sqrt(2.0) * (2 * a12 / a6) ** (1 / 6), rel=2e-3)
    assert result.fit.energy_eV == pytest.approx(-(a6**2) / (2 * a12), rel=1e-2)
    assert result.modulus_at_minimum_GPa / GPA_PER_EV_PER_A3 == pytest.approx(75.2, rel=1e-2)


def test_the_volume_is_of_the_fit_and_agrees_with_the_relaxed_cell(eos: EOSResult) -> None:
    assert eos.fit.volume_A3 == pytest.approx(eos.relaxed_volume_A3, rel=2e-5)
    assert eos.fit.energy_eV == pytest.approx(2 * -4.3366, abs=2e-4)
    assert not eos.remarks


def test_pressures_are_minus_the_slope_of_the_energy(eos: EOSResult) -> None:
    slope = -np.gradient(eos.energies, eos.volumes, edge_order=2) * GPA_PER_EV_PER_A3
    np.testing.assert_allclose(slope[1:-1], eos.pressures[1:-1], atol=0.06)


def test_volumes_are_spaced_in_volume_not_in_length(eos: EOSResult) -> None:
    np.testing.assert_allclose(eos.volumes / eos.relaxed_volume_A3, np.linspace(0.95, 1.05, 11), rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_finds_its_own_parameters(form: str) -> None:
    volumes = np.linspace(17.0, 23.0, 11)
    fit = fit_curve(volumes, FORMS[form].energy(volumes, 20.0, -5.0, 0.6, 4.2), form)
    assert fit[:4] == pytest.approx((20.0, -5.0, 0.6 * GPA_PER_EV_PER_A3, 4.2), rel=1e-6)


@pytest.mark.filterwarnings("ignore:'where' used without")  # of matscipy
def test_atoms_relax_at_each_volume() -> None:
    atoms = bulk("Si", a=5.43)
    atoms.positions[1] += 0.1
    atoms.calc = tersoff()
    free = compute("eos", atoms, config={"points": 5, "keep_symmetry": False})
    assert free.summary["bulk_modulus_GPa"] == pytest.approx(97.8, abs=0.3)


def test_a_minimum_outside_the_volumes_is_marked() -> None:
    atoms = bulk("Cu", a=3.9)
    atoms.calc = EMT()
    result = compute("eos", atoms, config={"relax": False, "points": 5})
    assert next(remark.code for remark in result.remarks) == "minimum_outside"
    assert "not_at_a_minimum" in {remark.code for remark in result.remarks}


def test_a_slab_a_molecule_and_wrong_settings_are_refused() -> None:
    slab = fcc111("Cu", (1, 1, 4), vacuum=8.0, periodic=True)
    slab.calc = EMT()
    with pytest.raises(StructureError, match=r"16\.0 Å without atoms along c.*give the bulk cell"):
        compute("eos", slab)
    slab.pbc = False
    with pytest.raises(StructureError, match="needs a crystal"):
        compute("eos", slab)
    with pytest.raises(ConfigError, match="points is 3"):
        compute("eos", silicon(), config={"points": 3})
    with pytest.raises(ConfigError, match=r"there is no property 'eso'; did you mean 'eos'\?; there are phonon"):
        compute("eso", silicon())
