"""Quasi-harmonic expansion: laws on analytic potentials."""

import io

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.lj import LennardJones
from scipy.integrate import cumulative_simpson

from alignn_ff.errors import ConfigError, SimulationError
from alignn_ff.plots import property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.equation_of_state import EOSResult
from alignn_ff.properties.quasi_harmonic import QHAResult
from tests.support.silicon import silicon, stillinger_weber

QUICK = {"supercell": (2, 2, 2), "mesh_length_A": 40.0, "temperature_step_K": 25.0}


def expansion(*, cubic: bool = False, **config: object) -> QHAResult:
    result = compute("qha", silicon(cubic=cubic), config={**QUICK, **config})
    assert isinstance(result, QHAResult)
    return result


@pytest.fixture(scope="module")
def result() -> QHAResult:
    return expansion()


def test_the_expansion_is_that_of_the_mode_gruneisen_parameters(result: QHAResult) -> None:
    found = result.expansions[0]
    for kelvin in (100.0, 300.0, 1000.0):
        row = int(np.argmin(np.abs(found.temperatures - kelvin)))
        assert result.gruneisen_expansion[row] == pytest.approx(found.expansion[row], rel=1e-3)


def test_primitive_and_conventional_cells_give_the_same(result: QHAResult) -> None:
    other = expansion(cubic=True).expansions[0]
    np.testing.assert_allclose(other.volumes, result.expansions[0].volumes, rtol=1e-6)
    np.testing.assert_allclose(other.expansion, result.expansions[0].expansion, atol=2e-9)


def test_quantities_are_derivatives_of_one_gibbs_energy(result: QHAResult) -> None:
    found = result.expansions[0]
    entropy = -np.gradient(found.gibbs, found.temperatures)
    np.testing.assert_allclose(entropy[8:-1], found.entropy[8:-1], rtol=3e-3)
    capacity = found.temperatures * np.gradient(found.entropy, found.temperatures)
    np.testing.assert_allclose(capacity[8:-2], found.heat_capacity[8:-2], rtol=1e-2)
    grown = cumulative_simpson(found.expansion, x=found.temperatures, initial=0.0)
    np.testing.assert_allclose(np.log(found.volumes / found.volumes[0]), grown, atol=1e-6)


def test_classical_nuclei_are_at_rest_at_0_k_and_expand_as_quantum_ones_at_high_temperature(result: QHAResult) -> None:
    hot = {"max_temperature_K": 2000.0, "temperature_step_K": 100.0}
    classical, quantum = (expansion(statistics=one, **hot) for one in ("classical", "quantum"))
    found, other = classical.expansions[0], quantum.expansions[0]
    assert found.volumes[0] == pytest.approx(classical.static_volume_A3, rel=1e-5)
    np.testing.assert_allclose(classical.gruneisen_expansion, found.expansion, rtol=1e-3)
    assert found.expansion[-1] == pytest.approx(other.expansion[-1], rel=0.012)
    assert found.expansion[3] > 1.3 * other.expansion[3]  # at 300 K, where half of the modes are frozen
    entropy = -np.gradient(found.gibbs, found.temperatures)
    np.testing.assert_allclose(entropy[5:-1], found.entropy[5:-1], rtol=0.03)
    with pytest.raises(ConfigError, match="quantum statistics"):
        compute("thermo", silicon(), statistics="classical")


def test_energies_and_volumes_are_those_of_cells_relaxed_at_fixed_volume() -> None:
    """Silicon stacked as wurtzite: the shape and the atoms are free at each volume, the volume is not."""
    atoms = bulk("SiSi", "wurtzite", a=3.84, c=6.3)
    atoms.calc = stillinger_weber()
    found = compute("qha", atoms, config={**QUICK, "supercell": (2, 2, 1), "points": 5, "mesh_length_A": 15.0})
    curve = compute("eos", atoms, volume_range=0.04, points=5, fmax_eV_per_A=1e-5)
    assert isinstance(found, QHAResult)
    assert isinstance(curve, EOSResult)
    np.testing.assert_allclose(found.volumes / found.static_volume_A3, np.linspace(0.96, 1.06, 5), rtol=1e-7)
    assert curve.volumes[0] == pytest.approx(found.volumes[0], rel=1e-6)
    assert curve.energies[0] == pytest.approx(found.energies[0], abs=1e-6)


def test_volumes_with_imaginary_modes_are_left_out_and_named() -> None:
    atoms = bulk("Ar", a=5.3)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=7.5, ro=6.5, smooth=True)
    config = {**QUICK, "volume_range": (0.95, 1.55), "points": 9, "max_temperature_K": 20.0, "fmax_eV_per_A": 1e-4}
    found = compute("qha", atoms, config=config)
    assert isinstance(found, QHAResult)
    assert len(found.volumes) < 9
    remark = next(one for one in found.remarks if one.code == "unstable_volumes")
    assert "1.550" in remark.sentence


def test_zero_point_motion_expands_and_the_bulk_modulus_softens(result: QHAResult) -> None:
    found = result.expansions[0]
    assert found.volumes[0] > result.static_volume_A3
    assert found.bulk_modulus_GPa[-1] < found.bulk_modulus_GPa[0] < 102.0


def test_volumes_outside_the_range_end_the_table_or_the_run() -> None:
    found = expansion(pressures_GPa=(0.0, 5.0))
    assert [remark.code for remark in found.remarks][0] == "table_cut"  # noqa: RUF015 - the whole list in a failure
    assert not len(found.expansions[1].temperatures)
    with pytest.raises(SimulationError, match=r"at 20 GPa the volume at 0 K is .* choose a range"):
        expansion(pressures_GPa=(20.0,))


def test_a_range_that_does_not_hold_the_crystal_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"volume_range is \(1\.0, 1\.1\)"):
        expansion(volume_range=(1.0, 1.1))


def test_the_figure_is_drawn(result: QHAResult) -> None:
    for figure in property_figures(result).values():
        figure.savefig(io.BytesIO())
