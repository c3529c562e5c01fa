"""Thermodynamic tables: laws of thermodynamics, and exact results for ideal gases."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.lj import LennardJones
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import StillingerWeber
from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si as SW
from scipy.integrate import cumulative_trapezoid

from alignn_ff.errors import ConfigError, SimulationError, StructureError
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.thermochemistry import ThermoConfig, ThermoResult
from alignn_ff.properties.thermochemistry.rotations import symmetry_number
from alignn_ff.units import BOLTZMANN_EV_PER_K, GAS_CONSTANT_J_PER_K_PER_MOL, J_PER_MOL_PER_EV

R = GAS_CONSTANT_J_PER_K_PER_MOL
CRYSTAL = {"supercell": (3, 3, 3), "mesh_length_A": 30.0, "temperature_step_K": 10.0, "fmax_eV_per_A": 1e-3}


def table(atoms: Atoms, **config: object) -> ThermoResult:
    result = compute("thermo", atoms, config=config)
    assert isinstance(result, ThermoResult)
    return result


@pytest.fixture(scope="module")
def silicon() -> Atoms:
    atoms = bulk("Si", a=5.431)
    atoms.calc = Manybody(**StillingerWeber(SW))
    return atoms


@pytest.fixture(scope="module")
def harmonic(silicon: Atoms) -> ThermoResult:
    return table(silicon, **CRYSTAL)


def argon(**config: object) -> ThermoResult:
    atoms = Atoms("Ar", [[0.0, 0.0, 0.0]])
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104)
    return table(atoms, route="ideal-gas", **config)


def test_columns_are_derivatives_and_integrals_of_each_other(harmonic: ThermoResult) -> None:
    f = harmonic.functions
    np.testing.assert_allclose(-np.gradient(f.gibbs, f.temperatures)[8:-1], f.entropy[8:-1], rtol=1e-2, atol=1e-7)
    enthalpy = cumulative_trapezoid(f.heat_capacity, f.temperatures, initial=0.0)
    np.testing.assert_allclose(f.enthalpy - f.enthalpy[0], enthalpy, atol=2e-4)
    assert f.entropy[0] == 0.0
    assert f.heat_capacity[-1] < 3 * BOLTZMANN_EV_PER_K * len(harmonic.atoms)
    assert f.heat_capacity[-1] > 0.95 * 3 * BOLTZMANN_EV_PER_K * len(harmonic.atoms)


def test_the_table_is_that_of_janaf_and_zero_at_298_kelvin(harmonic: ThermoResult) -> None:
    for name, per in (("formula-unit", 2), ("atom", 2)):
        columns = {key: np.asarray(values, dtype=float) for key, values in harmonic.tables[name].items()}
        row = harmonic.functions.reference
        assert columns["temperature_K"][row] == 298.15
        assert columns["H_less_H298_kJ_per_mol"][row] == 0.0
        assert columns["minus_G_less_H298_over_T_J_per_K_per_mol"][row] == pytest.approx(
            columns["entropy_J_per_K_per_mol"][row]
        )
        assert columns["gibbs_energy_eV"][0] == pytest.approx(harmonic.functions.gibbs[0] / per)
    assert harmonic.formula == "Si"


def test_pressure_times_volume_is_part_of_the_gibbs_energy(silicon: Atoms, harmonic: ThermoResult) -> None:
    pressed = table(silicon, **CRYSTAL, pressures_GPa=1.0)
    difference = pressed.functions.gibbs - harmonic.functions.gibbs
    np.testing.assert_allclose(difference, harmonic.atoms.get_volume() / 160.21766208, rtol=1e-9)


def test_at_constant_pressure_the_heat_capacity_is_larger(silicon: Atoms, harmonic: ThermoResult) -> None:
    whole = table(
        silicon,
        **{**CRYSTAL, "supercell": (2, 2, 2), "mesh_length_A": 20.0},
        route="quasi-harmonic",
        max_temperature_K=600.0,
        points=5,
    )
    f, row = whole.functions, whole.functions.reference
    assert f.temperatures[row] == 298.15
    same = np.isin(harmonic.functions.temperatures, f.temperatures)
    np.testing.assert_allclose(f.gibbs, harmonic.functions.gibbs[same], atol=0.02)
    assert f.heat_capacity[-1] > harmonic.functions.heat_capacity[same][-1]
    np.testing.assert_allclose(-np.gradient(f.gibbs, f.temperatures)[5:-1], f.entropy[5:-1], rtol=5e-3, atol=1e-6)


def test_a_monatomic_gas_has_the_entropy_of_sackur_and_tetrode() -> None:
    result = argon()
    f, row = result.functions, result.functions.reference
    mass, temperature, pressure = 39.948 * 1.66053906660e-27, 298.15, 1e5
    thermal = 1.380649e-23 * temperature
    cells = (2 * np.pi * mass * thermal / 6.62607015e-34**2) ** 1.5 * thermal / pressure
    assert f.entropy[row] * J_PER_MOL_PER_EV == pytest.approx(R * (np.log(cells) + 2.5), rel=1e-5)
    assert f.heat_capacity[row] * J_PER_MOL_PER_EV == pytest.approx(2.5 * R, rel=1e-6)
    assert np.isfinite(f.gibbs).all()
    hundred = argon(gas_pressure_bar=100.0).functions
    lost = (f.entropy - hundred.entropy)[1:] * J_PER_MOL_PER_EV
    np.testing.assert_allclose(lost, R * np.log(100.0), rtol=1e-6)


def test_a_pair_of_atoms_has_one_vibration_and_two_rotations() -> None:
    pair = Atoms("Ar2", [[0, 0, 0], [0, 0, 3.9]])
    pair.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=12.0)
    result = table(pair, route="ideal-gas", fmax_eV_per_A=1e-6)
    f = result.functions
    assert result.summary["geometry"] == "linear"
    assert result.summary["symmetry_number"] == 2
    stiffness = 72 * 0.0104 / (2 ** (1 / 3) * 3.4**2)
    omega = np.sqrt(2 * stiffness * 1.602176634e-19 * 1e20 / (39.948 * 1.66053906660e-27))
    zero_point = 0.5 * 6.62607015e-34 / (2 * np.pi) * omega / 1.602176634e-19
    assert f.gibbs[0] - f.static == pytest.approx(zero_point, rel=5e-3)
    assert f.heat_capacity[-1] * J_PER_MOL_PER_EV == pytest.approx(4.5 * R, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "number"),
    [("H2O", 2), ("NH3", 3), ("CH4", 12), ("C6H6", 12), ("C2H4", 4), ("CO2", 2), ("CO", 1), ("H2O2", 2), ("CH3OH", 1)],
)
def test_the_symmetry_number_is_the_known_one(name: str, number: int) -> None:
    found = molecule(name)
    assert symmetry_number(found) == number
    found.rotate(33, (1, 2, 3))
    found.translate((1, 2, 3))
    assert symmetry_number(found) == number


def test_isotopes_break_the_symmetry() -> None:
    water = molecule("H2O")
    masses = water.get_masses()
    masses[1] = 2.014
    water.set_masses(masses)
    assert symmetry_number(water) == 1


def test_what_has_no_table_is_refused(silicon: Atoms) -> None:
    simple = bulk("Ar", "sc", a=3.6)
    simple.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0)
    with pytest.raises(SimulationError, match="not dynamically stable"):
        table(simple, supercell=(3, 3, 3), relax=False)
    with pytest.raises(StructureError, match="periodic along a, b, c without vacuum"):
        table(silicon, route="ideal-gas")
    line = Atoms("Ar3", [[0, 0, 0], [0, 0, 3.8], [0, 0, 7.6]])
    line.calc = LennardJones(sigma=3.4, epsilon=10.0, rc=12.0)
    with pytest.raises(SimulationError, match="not at a minimum"):
        table(line, route="ideal-gas", displacement_A=0.01)
    with pytest.raises(ConfigError, match="one pressure"):
        ThermoConfig(pressures_GPa=(0.0, 1.0))


def test_a_wrong_spin_is_told() -> None:
    assert not argon().remarks
    assert argon(spin=0.5).remarks[0].code == "spin"


def test_the_figure_is_drawn(harmonic: ThermoResult, tmp_path: Path) -> None:
    for result in (harmonic, argon()):
        assert all(path.stat().st_size > 10_000 for path in save_property_figures(result, tmp_path / "t"))
