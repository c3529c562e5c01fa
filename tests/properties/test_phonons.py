"""Phonons: laws on analytic potentials."""

import io
import json
from pathlib import Path

import ase.lattice
import numpy as np
import phonopy
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.units import _e, _eps0

from alignn_ff.errors import ConfigError, DataError, StructureError
from alignn_ff.plots import property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.phonons import PhononResult
from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.path import band_path
from alignn_ff.properties.phonons.primitive import primitive_cell
from alignn_ff.properties.phonons.supercell import keeps_symmetry, supercell_matrix, widths_A
from tests.support.silicon import silicon

QUICK = {"mesh_length_A": 30.0, "points_per_segment": 11, "supercell": (3, 3, 3)}
GAS_CONSTANT = 8.31446261815324


def phonon(atoms: Atoms, **config: object) -> PhononResult:
    result = compute("phonon", atoms, config={**QUICK, **config})
    assert isinstance(result, PhononResult)
    return result


def argon(structure: str = "fcc", lattice_A: float = 5.3) -> Atoms:
    atoms = bulk("Ar", structure, a=lattice_A)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=7.5, ro=6.5, smooth=True)
    return atoms


@pytest.fixture(scope="module")
def result() -> PhononResult:
    return phonon(silicon(cubic=True), gruneisen=True, animate=1)


@pytest.fixture(scope="module")
def points(result: PhononResult) -> dict[str, np.ndarray]:
    return band_path(result.atoms).points


def test_silicon_has_the_known_frequencies(points: dict[str, np.ndarray]) -> None:
    wide = phonon(silicon(), supercell=None).harmonic
    gamma, x, point_l = wide.frequencies([points["Γ"], points["X"], points["L"]])
    np.testing.assert_allclose(gamma, [0, 0, 0, 17.83, 17.83, 17.83], atol=0.01)
    np.testing.assert_allclose(x, [6.65, 6.65, 12.99, 12.99, 15.63, 15.63], atol=0.01)
    np.testing.assert_allclose(point_l, [4.70, 4.70, 11.77, 13.40, 16.77, 16.77], atol=0.01)


def test_symmetries_hold_after_they_are_imposed(result: PhononResult) -> None:
    assert result.checks["sum_rule_after_eV_per_A2"] < 1e-10
    assert np.abs(np.sort(np.abs(result.harmonic.frequencies([[0, 0, 0]])[0]))[:3]).max() < 1e-4
    assert result.stable
    assert not result.remarks[1:]  # a cell of 54 atoms may be called small


def test_rough_forces_do_not_look_like_an_instability() -> None:
    class Noisy(EMT):
        rng = np.random.default_rng(1)

        def calculate(self, *args: object, **keywords: object) -> None:
            super().calculate(*args, **keywords)
            self.results["forces"] = self.results["forces"] + self.rng.normal(scale=1e-5, size=(len(self.atoms), 3))

    atoms = bulk("Cu", a=3.6)
    atoms.calc = Noisy()
    found = phonon(atoms, relax=False)
    assert found.stable
    assert found.checks["sum_rule_before_eV_per_A2"] > 1e-4
    assert found.checks["sum_rule_after_eV_per_A2"] < 1e-10


def test_sound_velocities_are_those_of_the_elastic_constants(result: PhononResult) -> None:
    elastic = compute("elastic", silicon(cubic=True), config={"fmax_eV_per_A": 1e-6})
    for direction in ((1, 0, 0), (1, 1, 0), (1, 1, 1)):
        expected = elastic.velocities(direction)  # type: ignore[attr-defined]
        np.testing.assert_allclose(result.sound_velocities(direction), expected, rtol=0.01)


@pytest.mark.parametrize("lattice", list(ase.lattice.all_variants()), ids=lambda one: one.variant)
def test_labelled_points_do_not_depend_on_the_basis(lattice: object) -> None:
    """Coordinates of a path belong to a basis: in another one the same numbers are other points."""
    if lattice.ndim != 3:  # type: ignore[attr-defined]
        return
    cell = np.array(lattice.tocell())  # type: ignore[attr-defined]
    rng = np.random.default_rng(3)
    expected = _fingerprints(cell)
    for _ in range(3):
        turned = _unimodular(rng) @ cell
        found = _fingerprints(turned)
        assert found.keys() == expected.keys()
        for label, lengths in expected.items():
            np.testing.assert_allclose(found[label], lengths, atol=1e-6, err_msg=label)


def _fingerprints(cell: np.ndarray) -> dict[str, np.ndarray]:
    """Label → the shortest |k + G|, which rotations and the choice of a basis do not change."""
    atoms = Atoms("Si", cell=cell, pbc=True)
    reduced = np.linalg.inv(_reduced(cell)).T
    grid = np.array(np.meshgrid(*[range(-4, 5)] * 3)).reshape(3, -1).T @ reduced
    reciprocal = np.linalg.inv(cell).T
    found = {}
    for label, k in band_path(atoms).points.items():
        at = k @ reciprocal
        inside = at - np.rint(at @ np.linalg.inv(reduced)) @ reduced
        found[label] = np.sort(np.linalg.norm(inside + grid, axis=1))[:12]
    return found


def _reduced(cell: np.ndarray) -> np.ndarray:
    return np.array(Atoms(cell=cell, pbc=True).cell.minkowski_reduce()[0])


def _unimodular(rng: np.random.Generator) -> np.ndarray:
    matrix = np.eye(3, dtype=int)
    for _ in range(4):
        i, j = rng.choice(3, 2, replace=False)
        matrix[i] += rng.choice([-1, 1]) * matrix[j]
    return matrix


def test_the_path_is_drawn_over_lengths_of_q_and_not_across_its_jumps(result: PhononResult) -> None:
    bands, reciprocal = result.bands, np.linalg.inv(result.atoms.cell.array).T
    for q, distance in zip(bands.qpoints, bands.distances, strict=True):
        steps = np.linalg.norm(np.diff(q @ reciprocal, axis=0), axis=1)
        np.testing.assert_allclose(np.diff(distance), steps, rtol=1e-6)
    jumps = [k for k in range(1, len(bands.labels)) if bands.labels[k][0] != bands.labels[k - 1][1]]
    assert jumps
    axes = property_figures(result)["bands"].axes[0]
    drawn = [line for line in axes.lines if len(line.get_xdata()) > 2]  # type: ignore[arg-type]
    assert len(drawn) == len(bands.labels) * 6  # each branch of each segment is a line of its own
    ends = {label for pair in bands.labels for label in pair}
    shown = {part for tick in axes.get_xticklabels() for part in tick.get_text().split("|")}
    assert shown == ends


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_a_mesh_of_a_body_centred_cell_keeps_its_symmetry(factor: float) -> None:
    """Equal lengths give unlike numbers along the vectors of such a cell, whose symmetry they break."""
    cell = Atoms("Ar2", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], cell=(4.6, 4.6, 4.6 * factor), pbc=True)
    harmonic = Harmonic(primitive_cell(cell, 0.01).atoms, np.eye(3, dtype=np.int64) * 2)
    constants = np.zeros((8, 8, 3, 3))
    constants[range(8), range(8)] = 2.0 * np.eye(3)
    harmonic.phonopy.force_constants = constants
    for length in (17.0, 23.0, 31.0):
        qpoints, weights, frequencies = harmonic.mesh(length)
        assert np.ptp(frequencies) < 1e-6
        found = harmonic.thermal(np.array([2000.0]), length)
        missing = 3.0 / weights.sum()  # acoustic modes at Γ
        assert found.heat_capacity[0] == pytest.approx((3.0 - missing) * GAS_CONSTANT, rel=2e-2)
        turned = {tuple(np.round(np.sort(np.abs(q - np.rint(q))), 6)) for q in qpoints}
        assert len(turned) > 1


def test_conventional_and_primitive_cells_give_the_same_per_atom(result: PhononResult) -> None:
    other = phonon(silicon())
    np.testing.assert_allclose(other.thermal.free_energy, result.thermal.free_energy, atol=2e-4)
    assert len(result.atoms) == 2
    table = result.tables["thermal"]
    np.testing.assert_allclose(
        np.array(table["heat_capacity_per_cell_J_per_K_per_mol"]) / 2, table["heat_capacity_per_atom_J_per_K_per_mol"]
    )


def test_thermal_properties_obey_thermodynamics(result: PhononResult) -> None:
    t = result.thermal
    entropy = -np.gradient(t.free_energy * 1000.0, t.temperatures)
    np.testing.assert_allclose(entropy[15:-1], t.entropy[15:-1], rtol=2e-3)
    assert t.heat_capacity[-1] / 2 == pytest.approx(3 * GAS_CONSTANT, rel=0.04)
    assert t.heat_capacity[-1] / 2 < 3 * GAS_CONSTANT
    area = np.trapezoid(result.states.total, result.states.frequencies)
    assert area == pytest.approx(6.0, rel=0.01)
    np.testing.assert_allclose(result.states.projected.sum(axis=0), result.states.total, atol=1e-9)


def test_rows_of_the_matrix_are_the_vectors_of_the_supercell() -> None:
    primitive = bulk("Si", a=5.43)
    matrix = np.array([[2, 1, 0], [0, 2, 0], [0, 0, 3]])
    harmonic = Harmonic(primitive, matrix)
    np.testing.assert_allclose(harmonic.supercell.cell.array, matrix @ primitive.cell.array)


def test_supercells_are_wide_between_their_faces_and_keep_the_symmetry() -> None:
    for atoms in (
        bulk("Si", a=5.43),
        bulk("Mg"),
        bulk("Fe"),
        bulk("NaCl", "rocksalt", a=5.64),
        bulk("Si", a=5.43, cubic=True),
    ):
        found = primitive_cell(atoms, 1e-3)
        matrix = supercell_matrix(found.atoms, found.rotations, min_width_A=12.0, max_atoms=1000)
        assert widths_A(found.atoms, matrix).min() >= 12.0 - 1e-6
        assert keeps_symmetry(matrix, found.rotations)
        assert np.linalg.det(matrix) > 0


def test_a_heavy_isotope_lowers_all_frequencies(result: PhononResult) -> None:
    heavy = silicon(cubic=True)
    heavy.set_masses([2 * 28.085] * 8)
    gamma = phonon(heavy).harmonic.frequencies([[0, 0, 0]])[0, 3:]
    np.testing.assert_allclose(gamma, result.harmonic.frequencies([[0, 0, 0]])[0, 3:] / np.sqrt(2), rtol=1e-4)
    mixed = silicon()
    mixed.set_masses([28.0, 30.0])
    assert phonon(mixed).atoms.get_masses().tolist() == [28.0, 30.0]


def test_born_charges_split_longitudinal_from_transverse_modes(tmp_path: Path) -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.3)
    atoms.calc = LennardJones(sigma=2.36, epsilon=0.3, rc=6.5, ro=5.5, smooth=True)
    charge, epsilon = 1.1, 2.4
    file = tmp_path / "charges.json"
    file.write_text(
        json.dumps(
            {
                "born": [np.diag([charge] * 3).tolist(), np.diag([-charge] * 3).tolist()],
                "dielectric": np.diag([epsilon] * 3).tolist(),
            }
        )
    )
    found = phonon(atoms, born=file)
    modes = found.harmonic.frequencies([[0, 0, 0]], np.array([1.0, 0, 0]))[0]
    mu = np.prod(found.atoms.get_masses()) / found.atoms.get_masses().sum() * 1.66053906660e-27
    volume = found.atoms.get_volume() * 1e-30
    expected = charge**2 * _e**2 / (_eps0 * volume * epsilon * mu) / (2 * np.pi * 1e12) ** 2
    assert modes[5] ** 2 - modes[3] ** 2 == pytest.approx(expected, rel=1e-3)
    born = tmp_path / "BORN"
    rows = [f"{x} 0 0 0 {x} 0 0 0 {x}" for x in (epsilon, charge, -charge)]
    born.write_text("\n".join(["14.399652", *rows, ""]))
    again = phonon(atoms, born=born).harmonic.frequencies([[0, 0, 0]], np.array([1.0, 0, 0]))[0]
    np.testing.assert_allclose(again, modes, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"born": [[1]], "dielectric": [[1]]}', "the primitive cell .* needs"),
        ('{"born": []}', "lacks 'dielectric'"),
        ("not a BORN file", "cannot read the Born charges"),
        (json.dumps({"born": [np.eye(3).tolist()] * 2, "dielectric": np.eye(3).tolist()}), "add up to 2.00 e"),
        (json.dumps({"born": [np.zeros((3, 3)).tolist()] * 2, "dielectric": (0.1 * np.eye(3)).tolist()}), "below 1"),
    ],
)
def test_wrong_born_charges_are_explained(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "BORN"
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        phonon(silicon(), born=file)


def test_an_unstable_crystal_is_marked_and_followed_downhill() -> None:
    found = phonon(argon("bcc", 4.2), follow=True, max_steps=60, fmax_eV_per_A=1e-4, supercell=(2, 2, 2))
    codes = [remark.code for remark in found.remarks]
    assert not found.stable
    assert codes[:2] == ["unstable", "thermal_incomplete"]
    assert found.followed is not None
    assert found.followed.gain_meV_per_atom > 0.1
    assert "lower" in found.structures
    assert found.checks["imaginary_fraction"] > 0.01


def test_gruneisen_parameters_are_logarithmic_derivatives(result: PhononResult) -> None:
    assert result.gruneisen is not None
    volumes, optical = [], []
    for scale in (0.99, 1.01):
        atoms = silicon()
        atoms.set_cell(result.atoms.cell * scale ** (1 / 3), scale_atoms=True)
        found = phonon(atoms, relax=False)
        volumes.append(found.atoms.get_volume())
        optical.append(found.harmonic.frequencies([[0, 0, 0]])[0, -1])
    expected = -np.diff(np.log(optical)) / np.diff(np.log(volumes))
    at_gamma = result.gruneisen.parameters[np.argmax(result.gruneisen.frequencies[:, -1])]
    assert at_gamma[-1] == pytest.approx(float(expected[0]), abs=0.05)


def test_phonopy_reads_what_is_written(result: PhononResult, tmp_path: Path) -> None:
    file = tmp_path / "phonopy.yaml"
    file.write_text(result.documents["phonopy.yaml"])
    loaded = phonopy.load(file, log_level=0, produce_fc=False)
    q = [[0.1, 0.2, 0.3]]
    np.testing.assert_allclose(loaded.run_qpoints(q).frequencies, result.harmonic.frequencies(q), atol=1e-5)


def test_figures_and_animation_are_made(result: PhononResult) -> None:
    figures = property_figures(result)
    assert {"bands", "thermal", "force-constants"} <= figures.keys()
    for figure in figures.values():
        figure.savefig(io.BytesIO())
    assert len(result.structures["modes"]) == 20


def test_what_is_not_a_crystal_or_too_large_is_refused() -> None:
    water = molecule("H2O", vacuum=5.0)
    water.calc = EMT()
    with pytest.raises(StructureError, match="needs a crystal"):
        phonon(water)
    with pytest.raises(ConfigError, match="needs 2000 atoms, more than --max-atoms 1000"):
        phonon(silicon(), supercell=(10, 10, 10))
