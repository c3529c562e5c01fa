"""Surfaces: laws on analytic potentials, and the geometry of slabs."""

from itertools import product

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.spacegroup import crystal

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.plots import property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.surfaces import Surface, SurfaceResult
from alignn_ff.properties.surfaces.miller import distinct_miller, parse_miller
from alignn_ff.properties.surfaces.slab import Layering, cuts, layering, plane_basis, slab
from alignn_ff.properties.surfaces.wulff import Plane, wulff_shape
from alignn_ff.properties.symmetry import conventional_cell, primitive_cell, symmetry_dataset
from tests.support.silicon import silicon


def surfaces(atoms: Atoms, **config: object) -> SurfaceResult:
    result = compute("surface", atoms, config=config)
    assert isinstance(result, SurfaceResult)
    return result


def by_label(result: SurfaceResult) -> dict[str, Surface]:
    return {one.label: one for one in result.surfaces}


def layers_of(atoms: Atoms, *miller: int) -> Layering:
    return layering(primitive_cell(atoms, 0.01), conventional_cell(atoms, 0.01), tuple(miller))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result() -> SurfaceResult:
    return surfaces(silicon())


def test_silicon_has_the_known_energies_on_every_termination(result: SurfaceResult) -> None:
    expected = {"(1 0 0)": 2.3556, "(1 1 0)": 1.6657, "(1 1 1) a": 1.3600, "(1 1 1) b": 4.0801}  # one bond, three bonds
    found = by_label(result)
    assert {label: one.energy(relaxed=False) for label, one in found.items()} == pytest.approx(expected, abs=2e-4)
    assert {label: one.energy() for label, one in found.items()} == pytest.approx(expected, abs=2e-4)
    assert all(one.symmetric for one in result.surfaces)
    assert not result.remarks


def test_energies_have_the_units_they_are_named_after(result: SurfaceResult) -> None:
    table = result.tables["surfaces"]
    ratio = np.asarray(table["relaxed_J_per_m2"]) / np.asarray(table["relaxed_eV_per_A2"])
    np.testing.assert_allclose(ratio, 16.02176634, rtol=1e-6)


def test_the_energy_grows_by_that_of_the_crystal_per_atom(result: SurfaceResult) -> None:
    for one in result.surfaces:
        assert one.line().slope == pytest.approx(result.bulk_energy, abs=1e-8)
        assert len(set(one.n_atoms)) == 3


def test_thickness_and_vacuum_do_not_change_the_energy() -> None:
    for config in ({"thickness_A": 8.0}, {"vacuum_A": 9.0}):
        found = by_label(surfaces(silicon(), miller="1,1,1", **config))
        assert found["(1 1 1) a"].energy() == pytest.approx(1.3600, abs=2e-4)


@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, -1), (3, 1, 0)])
def test_no_atom_is_folded_from_one_face_to_the_other(miller: tuple[int, int, int]) -> None:
    layers = layers_of(silicon(), *miller)
    for cut, n in product(cuts(layers, min_gap_A=0.2, tolerance_A=0.01), range(1, 12)):
        built = slab(layers, cut, n, vacuum_A=12.0)
        thickness = np.ptp(built.positions[:, 2])
        assert thickness == pytest.approx(n * layers.spacing - cut.gap, abs=1e-9)
        assert len(built) == 2 * n
        assert built.cell.array[2, 2] == pytest.approx(thickness + 12.0)
        assert built.get_volume() == pytest.approx(layers.area * built.cell.array[2, 2])


def test_the_cell_of_a_relaxed_slab_is_that_of_the_crystal() -> None:
    atoms = bulk("Cu", a=3.55)
    atoms.calc = EMT()
    result = surfaces(atoms, miller="1,0,0", thickness_A=8.0)
    (one,) = result.surfaces
    side = result.atoms.cell.lengths()[0] / np.sqrt(2.0)
    for each in one.slabs:
        np.testing.assert_allclose(each.relaxed.atoms.cell.lengths()[:2], side, rtol=1e-9)
    assert one.energy() < one.energy(relaxed=False)


def test_close_packed_copper_has_the_lowest_energy_and_bounds_the_shape() -> None:
    atoms = bulk("Cu", a=3.6)
    atoms.calc = EMT()
    result = surfaces(atoms, thickness_A=8.0)
    energies = {label: one.energy() for label, one in by_label(result).items()}
    assert energies["(1 1 1)"] < energies["(1 0 0)"] < energies["(1 1 0)"]
    assert result.wulff is not None
    assert sum(result.wulff.fractions.values()) == pytest.approx(1.0)
    assert result.wulff.fractions[(1, 1, 1)] > result.wulff.fractions[(1, 0, 0)] > 0.0
    assert set(property_figures(result)) == {"energies", "wulff"}


def test_orientation_and_choice_of_cell_do_not_change_the_energy() -> None:
    turned = silicon(cubic=True)
    turned.rotate(33.0, (1, 2, 3), rotate_cell=True)
    found = by_label(surfaces(turned, miller="1,1,1", thickness_A=8.0))
    assert found["(1 1 1) a"].energy() == pytest.approx(1.3600, abs=2e-4)


def test_slabs_of_compounds_have_their_composition_and_tell_unlike_faces() -> None:
    blende = bulk("ZnS", "zincblende", a=5.41)
    fluorite = bulk("CaF2", "fluorite", a=5.46)
    salt = bulk("NaCl", "rocksalt", a=5.64)
    cases = [
        (blende, (1, 1, 1), [False, False]),
        (blende, (1, 1, 0), [True]),
        (fluorite, (1, 1, 1), [True, False]),
        (salt, (1, 1, 1), [False]),
        (salt, (1, 0, 0), [True]),
    ]
    for atoms, miller, symmetric in cases:
        layers = layers_of(atoms, *miller)
        places = cuts(layers, min_gap_A=0.2, tolerance_A=0.01)
        assert [cut.symmetric for cut in places] == symmetric
        for cut in places:
            built = slab(layers, cut, 3, vacuum_A=10.0)
            assert built.get_chemical_formula(empirical=True) == atoms.get_chemical_formula(empirical=True)


def test_unlike_faces_are_reported_as_cleavage() -> None:
    atoms = bulk("CuAu", "zincblende", a=5.5)
    atoms.calc = EMT()
    result = surfaces(atoms, miller="1,1,1", relax=False, thickness_A=6.0, slab_fmax_eV_per_A=30.0)
    assert "(1 1 1) a, cleavage_J_per_m2" in result.summary
    assert "unlike_faces" in {remark.code for remark in result.remarks}


def test_miller_indices_are_read_in_all_forms() -> None:
    assert parse_miller("1,1,1:2,0,0") == [(1, 1, 1), (1, 0, 0)]
    assert parse_miller("1 -1 0") == [(1, -1, 0)]
    assert parse_miller("1,0,-1,0:0,0,0,1") == [(1, 0, 0), (0, 0, 1)]


def test_distinct_planes_of_cubic_and_hexagonal_crystals() -> None:
    cubic = symmetry_dataset(conventional_cell(silicon(), 0.01), 0.01).rotations
    assert distinct_miller(2, cubic) == [(1, 0, 0), (1, 1, 0), (2, 1, 0), (1, 1, 1), (2, 1, 1), (2, 2, 1)]
    hexagonal = symmetry_dataset(bulk("Ti"), 0.01).rotations
    assert distinct_miller(1, hexagonal) == [(1, 0, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (1, 1, 1)]


@pytest.mark.parametrize("miller", [(1, 0, 0), (0, 0, -1), (0, -1, 0), (2, 3, 5), (-3, 2, 1), (4, -2, 1)])
def test_the_basis_of_a_plane_is_primitive(miller: tuple[int, int, int]) -> None:
    basis = np.array(plane_basis(miller))
    np.testing.assert_array_equal(basis @ np.array(miller), [0, 0, 1])
    assert abs(round(np.linalg.det(basis))) == 1


def test_planes_of_centred_and_low_symmetry_crystals_hold_whole_layers() -> None:
    monoclinic = crystal(["Ga"], [(0.1, 0.2, 0.3)], spacegroup=15, cellpar=[7.0, 5.0, 6.0, 90.0, 105.0, 90.0])
    for miller in ((1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 1, 1)):
        layers = layers_of(monoclinic, *miller)
        assert layers.area * layers.spacing == pytest.approx(layers.crystal.get_volume())
        assert np.dot(layers.step, layers.normal) == pytest.approx(layers.spacing)
        np.testing.assert_allclose(layers.in_plane @ layers.normal, 0.0, atol=1e-9)


def test_the_shape_is_the_known_one() -> None:
    def shape(energies: dict[tuple[int, int, int], float]) -> dict[tuple[int, int, int], float]:
        planes = [
            Plane(family, np.array(signed) / np.linalg.norm(signed), energy)
            for family, energy in energies.items()
            for signed in {
                tuple(s * n for s, n in zip(signs, np.roll(family, k), strict=True))
                for signs in product((1, -1), repeat=3)
                for k in range(3)
            }
        ]
        found = wulff_shape(planes)
        assert found is not None
        return found.fractions

    assert shape({(1, 0, 0): 1.0, (1, 1, 1): 2.0}) == pytest.approx({(1, 0, 0): 1.0, (1, 1, 1): 0.0})
    cuboctahedron = shape({(1, 0, 0): 1.0, (1, 1, 1): 2.0 / np.sqrt(3.0)})
    assert cuboctahedron[(1, 0, 0)] == pytest.approx(12.0 / (12.0 + 4.0 * np.sqrt(3.0)), abs=1e-6)


def test_planes_that_enclose_nothing_have_no_shape() -> None:
    directions = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
    assert wulff_shape([Plane((1, 0, 0), direction, 1.0) for direction in directions]) is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"miller": "0,0,0"}, "0,0,0 are not a plane"),
        ({"miller": "1,1"}, "they are three whole numbers, such as 1,1,1"),
        ({"miller": "1,1,1,0"}, "must add up to 0"),
        ({"miller": "1,1,1", "max_atoms": 10}, r"of \(1 1 1\) a, 31 Å, has 20 atoms.*6 relaxations"),
    ],
)
def test_what_cannot_be_computed_is_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        surfaces(silicon(), **config)


def test_a_slab_is_refused() -> None:
    given = fcc111("Cu", (1, 1, 4), vacuum=8.0, periodic=True)
    given.calc = EMT()
    with pytest.raises(StructureError, match="a surface energy needs a crystal"):
        surfaces(given)
