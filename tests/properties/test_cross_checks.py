"""One number by two routes: phonons and elasticity, fits and mode parameters, lattice and dynamics, exact crystals."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff import AlignnCalculator
from alignn_ff.analysis.observables.blocking import average
from alignn_ff.md import MDConfig, MDFiles, run_md
from alignn_ff.properties import Work, compute
from alignn_ff.properties.elasticity import ElasticResult
from alignn_ff.properties.elasticity.constants import strained
from alignn_ff.properties.equation_of_state import EOSResult
from alignn_ff.properties.phonons import PhononConfig, PhononResult
from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.expansion import expansion_of
from alignn_ff.properties.phonons.gruneisen import gruneisen_over_volumes, gruneisen_parameters
from alignn_ff.properties.phonons.harmonic import force_constants
from alignn_ff.properties.quasi_harmonic import QHAResult
from alignn_ff.properties.volume_curves import FORMS
from alignn_ff.relax import RelaxConfig
from alignn_ff.units import BOLTZMANN_EV_PER_K, GPA_PER_EV_PER_A3, J_PER_MOL_PER_EV, KJ_PER_MOL_PER_EV
from tests.support.silicon import silicon

QUICK = {"mesh_length_A": 30.0, "points_per_segment": 11, "supercell": (3, 3, 3)}
EV_PER_THZ = 4.135667696e-3
MESH_A = 20.0


def wells(volume: float, stiffness: float) -> Harmonic:
    """A crystal of independent atoms in harmonic wells (Einstein), in Å³ and eV/Å²."""
    crystal = Harmonic(bulk("Al", a=(4.0 * volume) ** (1.0 / 3.0)), np.eye(3, dtype=np.int64) * 2)
    constants = np.zeros((8, 8, 3, 3))
    constants[range(8), range(8)] = stiffness * np.eye(3)
    crystal.phonopy.force_constants = constants
    return crystal


def frequency_in_terahertz(stiffness: float) -> float:
    omega_squared = stiffness * 16.02176634 / (26.9815385 * 1.66053906660e-27)
    return float(np.sqrt(omega_squared) / (2.0 * np.pi) * 1e-12)


def test_a_crystal_of_independent_atoms_has_the_free_energy_of_einstein() -> None:
    crystal = wells(16.5, 5.0)
    frequency = frequency_in_terahertz(5.0)
    np.testing.assert_allclose(crystal.frequencies([[0.5, 0.0, 0.5], [0.1, 0.2, 0.3]]), frequency, rtol=1e-6)
    kelvin = np.arange(0.0, 1001.0, 50.0)
    found = crystal.thermal(kelvin, MESH_A)
    _, weights, _ = crystal.mesh(MESH_A)
    counted = 1.0 - 1.0 / weights.sum()  # the three modes at Γ are taken for acoustic ones
    quantum, thermal = EV_PER_THZ * frequency, BOLTZMANN_EV_PER_K * kelvin[1:]
    exact = 3.0 * counted * (0.5 * quantum + thermal * np.log(1.0 - np.exp(-quantum / thermal)))
    np.testing.assert_allclose(found.free_energy[1:] / KJ_PER_MOL_PER_EV, exact, atol=1e-6)
    ratio = quantum / thermal
    capacity = 3.0 * counted * BOLTZMANN_EV_PER_K * ratio**2 * np.exp(ratio) / (np.exp(ratio) - 1.0) ** 2
    np.testing.assert_allclose(found.heat_capacity[1:] / J_PER_MOL_PER_EV, capacity, rtol=1e-5, atol=1e-9)


def test_a_crystal_with_one_gruneisen_parameter_expands_as_gruneisen_says() -> None:
    gamma, modulus, first = 1.7, 0.6, 16.5
    volumes = first * np.linspace(0.96, 1.06, 9)
    crystals = [wells(v, 5.0 * (v / first) ** (-2.0 * gamma)) for v in volumes]
    energies = FORMS["vinet"].energy(volumes, first, 0.0, modulus, 4.0)
    kelvin = np.arange(0.0, 601.0, 20.0)
    three = gruneisen_parameters(crystals[2], crystals[3], crystals[4], MESH_A)
    np.testing.assert_allclose(three.parameters[np.isfinite(three.parameters)], gamma, rtol=1e-3)
    modes = gruneisen_over_volumes(crystals, MESH_A)
    for one in modes:
        np.testing.assert_allclose(one.parameters[np.isfinite(one.parameters)], gamma, rtol=1e-4)
    found = expansion_of(modes, volumes, energies, kelvin, 0.0)
    counted = 3.0 * (1.0 - 1.0 / modes[0].weights.sum())  # the three modes at Γ are taken for acoustic ones
    for row in (10, 20, 30):
        volume = found.volumes[row]
        stiffness = 5.0 * (volume / first) ** (-2.0 * gamma)
        ratio = EV_PER_THZ * frequency_in_terahertz(stiffness) / (BOLTZMANN_EV_PER_K * kelvin[row])
        capacity = counted * BOLTZMANN_EV_PER_K * ratio**2 * np.exp(ratio) / (np.exp(ratio) - 1.0) ** 2
        bulk_modulus = found.bulk_modulus_GPa[row] / GPA_PER_EV_PER_A3
        assert found.expansion[row] == pytest.approx(gamma * capacity / (bulk_modulus * volume), rel=1e-4)
        assert found.gruneisen[row] == pytest.approx(gamma, rel=1e-4)


def test_a_turned_crystal_has_the_same_frequencies_at_its_points() -> None:
    given = silicon()
    turned = silicon()
    turned.rotate(33.0, (1, 2, 3), rotate_cell=True)
    points = [[0.5, 0.0, 0.5], [0.5, 0.5, 0.5], [0.375, 0.375, 0.75]]
    found = []
    for atoms in (given, turned):
        result = compute("phonon", atoms, config={**QUICK, "supercell": (2, 2, 2), "relax": False})
        assert isinstance(result, PhononResult)
        reciprocal = np.linalg.inv(atoms.cell.array).T
        fractional = np.array(points) @ reciprocal @ result.atoms.cell.array.T
        found.append(result.harmonic.frequencies(fractional))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_the_inner_shift_of_silicon_joins_elasticity_and_the_optical_mode() -> None:
    crystal = silicon()
    elastic = compute("elastic", crystal, config={"fmax_eV_per_A": 1e-6})
    assert isinstance(elastic, ElasticResult)
    phonon = compute("phonon", crystal, config={**QUICK, "supercell": (2, 2, 2)})
    assert isinstance(phonon, PhononResult)
    optical = 2.0 * np.pi * phonon.harmonic.frequencies([[0.0, 0.0, 0.0]])[0][-1] * 1e12
    edge = (4.0 * elastic.atoms.get_volume()) ** (1.0 / 3.0)
    inertia = 0.5 * elastic.atoms.get_masses()[0] * 1.66053906660e-27 * optical**2
    # C44 clamped less relaxed is μω²ζ²/(4a), where u = ζ·a·γ/4 is the shift of the atoms
    softening = (elastic.clamped_GPa[3, 3] - elastic.relaxed_GPa[3, 3]) * 1e9
    zeta = np.sqrt(softening * 4.0 * edge * 1e-10 / inertia)
    shear = 1e-3
    bent = strained(elastic.atoms, np.array([0.0, 0.0, 0.0, shear, 0.0, 0.0]))
    work = Work(crystal.calc)
    relaxed = work.relax("bent", bent, RelaxConfig(fmax_eV_per_A=1e-6, relax_cell="none"))
    shift = np.diff(relaxed.atoms.positions - bent.positions, axis=0)[0]
    assert np.abs(shift).max() == pytest.approx(zeta * edge * shear / 4.0, rel=5e-3)
    assert zeta == pytest.approx(0.629, abs=5e-3)


@pytest.fixture(scope="module")
def shipped() -> Atoms:
    atoms = bulk("Si", a=5.469)
    atoms.calc = AlignnCalculator("si", dtype="float64")
    return atoms


@pytest.fixture(scope="module")
def stiffness(shipped: Atoms) -> ElasticResult:
    result = compute("elastic", shipped, config={"fmax_eV_per_A": 1e-5})
    assert isinstance(result, ElasticResult)
    return result


def test_the_shipped_model_has_one_bulk_modulus(shipped: Atoms, stiffness: ElasticResult) -> None:
    eos = compute("eos", shipped)
    assert isinstance(eos, EOSResult)
    c = stiffness.relaxed_GPa
    assert eos.modulus_at_minimum_GPa == pytest.approx((c[0, 0] + 2.0 * c[0, 1]) / 3.0, rel=5e-3)


@pytest.mark.slow
def test_the_shipped_model_has_one_speed_of_sound(shipped: Atoms, stiffness: ElasticResult) -> None:
    config = PhononConfig(min_width_A=31.0, max_atoms=2000)  # √((C11 − C12)/2ρ) along [110] converges last
    harmonic = force_constants(Work(shipped.calc), stiffness.atoms, config).harmonic
    reciprocal_length = 2e-4  # 1/Å
    for direction in ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0)):
        q = reciprocal_length * stiffness.atoms.cell.array @ np.array(direction) / np.linalg.norm(direction)
        found = np.sort(harmonic.frequencies([q])[0])[:3] / reciprocal_length * 100.0  # THz·Å = 100 m/s
        np.testing.assert_allclose(found, stiffness.velocities(direction), rtol=1e-2)


@pytest.mark.slow
def test_the_shipped_model_has_one_expansion(shipped: Atoms) -> None:
    result = compute("qha", shipped, config={"mesh_length_A": 40.0})
    assert isinstance(result, QHAResult)
    row = int(np.argmin(np.abs(result.expansions[0].temperatures - 300.0)))
    fitted, modes = result.expansions[0].expansion[row], result.gruneisen_expansion[row]
    assert fitted == pytest.approx(modes, rel=0.01)


@pytest.mark.slow
def test_the_quasi_harmonic_volume_is_that_of_dynamics_at_high_temperature(tmp_path: Path) -> None:
    kelvin = 800.0
    settings = {"supercell": (4, 4, 4), "mesh_length_A": 40.0, "temperature_step_K": 50.0}
    lattice = compute("qha", silicon(), config={**settings, "statistics": "classical"})
    assert isinstance(lattice, QHAResult)
    row = int(np.argmin(np.abs(lattice.expansions[0].temperatures - kelvin)))
    static = lattice.static_volume_A3 / 2.0
    expected = lattice.expansions[0].volumes[row] / 2.0
    atoms = silicon(cubic=True)
    atoms = atoms.repeat((2, 2, 2))
    atoms.set_cell(atoms.cell * (expected * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    config = MDConfig(
        steps=20_000, timestep_fs=2.0, ensemble="npt_mtk", temperature_K=kelvin, barostat_time_fs=200.0, log_every=5
    )
    files = MDFiles(tmp_path / "npt")
    run_md(atoms, silicon().calc, config=config, files=files)
    log = np.genfromtxt(files.log, delimiter=",", names=True, dtype=None, encoding="utf-8")
    volume = average(log["volume_A3"][len(log) // 10 :] / len(atoms))
    assert volume.stderr is not None
    assert abs(volume.mean - expected) < 3.0 * volume.stderr + 0.1 * (expected - static)
    assert volume.mean - static > 3.0 * volume.stderr
