"""Laws of pair functions, coordination and angles."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100, molecule
from ase.neighborlist import neighbor_list

from alignn_ff.analysis.observables.coordination import coordination_rows
from alignn_ff.analysis.observables.first_shell import Shell, pairs_behind
from alignn_ff.analysis.observables.pairs import pairs_within
from alignn_ff.analysis.observables.vdos import vibration_rows
from tests.support.trajectories import Measure, box


def test_the_pair_function_of_an_ideal_gas_is_one(measure: Measure) -> None:
    rng = np.random.default_rng(0)
    gas = [box(rng.uniform(0, 14, (300, 3)), 14.0) for _ in range(20)]
    table = measure(gas, observables=["rdf"], bin_A=0.25).results["rdf"].tables["rdf"]
    far = table["r_A"] > 1.0
    deviation = (table["g_Ar-Ar"] - (1 - 1 / 300))[far] / table["g_Ar-Ar_stderr"][far]
    assert abs(table["g_Ar-Ar"][far].mean() - 1) < 0.01
    assert np.sqrt(np.mean(deviation**2)) < 2.0  # five blocks: a Student's t with four degrees of freedom


def test_shells_of_a_crystal_are_where_and_as_many_as_they_are(measure: Measure) -> None:
    result = measure([bulk("Si", a=5.43, cubic=True)], observables=["rdf"], r_max_A=6.0).results["rdf"]
    table = result.tables["rdf"]
    found = table["r_A"][table["g_Si-Si"] > 0]
    np.testing.assert_allclose(found, 5.43 * np.sqrt([3 / 16, 1 / 2, 11 / 16, 1, 19 / 16]), atol=0.011)
    steps = np.diff(table["n_Si-Si"], prepend=0.0)
    np.testing.assert_allclose(steps[steps > 0], [4, 12, 12, 6, 12])
    assert result.summary["Si-Si"]["coordination_to_minimum"] == pytest.approx(4)  # type: ignore[index]
    assert 2.4 < result.summary["Si-Si"]["first_minimum_A"] < 3.8  # type: ignore[index]


def test_partial_pair_functions_integrate_to_the_neighbours_of_each_kind(measure: Measure) -> None:
    salt = bulk("NaCl", "rocksalt", a=5.6, cubic=True) * 2
    salt.rattle(0.05, seed=1)
    salt.symbols[0] = "K"
    table = measure([salt], observables=["rdf"], r_max_A=5.0).results["rdf"].tables["rdf"]
    density = 32 / salt.get_volume()
    shells = 4 / 3 * np.pi * np.diff(np.append(table["r_A"] - 0.01, table["r_A"][-1] + 0.01) ** 3)
    np.testing.assert_allclose(
        np.cumsum(table["g_Cl-Na"] * 31 / salt.get_volume() * shells), table["n_Cl-Na"], rtol=1e-6
    )
    np.testing.assert_allclose(np.cumsum(table["g_Cl-K"] * density * shells) / 32, table["n_Cl-K"], rtol=1e-6)
    assert table["n_Cl-Na"][table["r_A"] < 3.5][-1] == pytest.approx(6 * 31 / 32)


def test_volume_that_fluctuates_does_not_bias_the_pair_function(measure: Measure) -> None:
    rng = np.random.default_rng(3)
    lengths = rng.uniform(11, 17, 30)
    gas = [box(rng.uniform(0, length, (200, 3)), length) for length in lengths]
    table = measure(gas, observables=["rdf"], bin_A=0.5, r_max_A=5.0).results["rdf"].tables["rdf"]
    assert table["g_Ar-Ar"][3:].mean() == pytest.approx(1.0, abs=0.015)


@pytest.mark.parametrize(
    "atoms, within, neighbours",
    [
        (molecule("CH4"), 1.2, {"C-H": 4, "H-H": 0}),
        (fcc100("Cu", (2, 2, 3), vacuum=5), 2.7, {"Cu-Cu": (4 * 8 + 8 * 8 + 4 * 4 + 0) / 12 * 12 / 12}),
        (Atoms("Au", cell=[0, 0, 2.8], pbc=(False, False, True)) * (1, 1, 3), 3.0, {"Au-Au": 2}),
    ],
)
def test_molecule_slab_and_wire_have_neighbours_without_a_density(
    atoms: Atoms, within: float, neighbours: dict[str, float], measure: Measure
) -> None:
    atoms.calc = None
    table = measure([atoms], observables=["rdf"]).results["rdf"].tables["rdf"]
    assert not any(name.startswith("g_") for name in table)
    distances = atoms.get_all_distances(mic=True)
    for pair in neighbours:
        a, b = (np.array([s == symbol for s in atoms.symbols]) for symbol in pair.split("-"))
        if atoms.pbc.any():
            expected = np.bincount(pairs_within(atoms, within).first).mean()
        else:
            expected = ((distances > 0) & (distances < within))[a][:, b].sum() / a.sum()
        assert table[f"n_{pair}"][table["r_A"] < within][-1] == pytest.approx(expected)


def test_a_perfect_diamond_has_four_neighbours_at_the_tetrahedral_angle(measure: Measure) -> None:
    found = measure(
        [bulk("Si", a=5.43) for _ in range(3)], observables=["coordination", "angles"], angle_bin_deg=0.5
    ).results
    assert found["coordination"].summary["Si"]["shares"] == {"4": 1.0}  # type: ignore[index]
    angles = found["angles"]
    assert angles.summary["Si"]["mean_deg"] == pytest.approx(np.degrees(np.arccos(-1 / 3)))  # type: ignore[index]
    assert angles.summary["Si"]["n_angles"] == 3 * 2 * 6  # type: ignore[index]
    assert (angles.tables["angles"]["density_Si_per_deg"] * 0.5).sum() == pytest.approx(1.0)


def test_bonds_of_each_pair_have_their_own_length(measure: Measure) -> None:
    water = [molecule("H2O") for _ in range(2)]
    for atoms in water:
        atoms.center(vacuum=5)
    found = measure(water, observables=["coordination", "angles"], bond_A=1.2).results
    summary = found["coordination"].summary
    assert (summary["O"]["mean_to"], summary["H"]["mean_to"]) == ({"H": 2, "O": 0}, {"H": 0, "O": 1})  # type: ignore[index]
    rows = dict(coordination_rows(summary))
    assert "(0.00 H, 1.00 O)" in rows["coordination H"]
    assert "(2.00 H, 0.00 O)" in rows["coordination O"]
    assert found["angles"].summary["O"]["mean_deg"] == pytest.approx(water[0].get_angle(1, 0, 2))  # type: ignore[index]
    assert found["angles"].summary["H"]["n_angles"] == 0  # type: ignore[index]


FCC = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
COMPOUNDS: dict[str, tuple[Atoms, dict[str, dict[str, float]]]] = {
    "Si": (bulk("Si", a=5.43, cubic=True) * 2, {"Si": {"Si": 4}}),
    "SiC": (bulk("SiC", "zincblende", a=4.36, cubic=True) * 2, {"C": {"C": 0, "Si": 4}, "Si": {"C": 4, "Si": 0}}),
    "NaCl": (bulk("NaCl", "rocksalt", a=5.64, cubic=True) * 2, {"Cl": {"Cl": 0, "Na": 6}, "Na": {"Cl": 6, "Na": 0}}),
    "CsCl": (bulk("CsCl", "cesiumchloride", a=4.12) * 3, {"Cl": {"Cl": 0, "Cs": 8}, "Cs": {"Cl": 8, "Cs": 0}}),
    "CaF2": (bulk("CaF2", "fluorite", a=5.46, cubic=True) * 2, {"Ca": {"Ca": 0, "F": 8}, "F": {"Ca": 4, "F": 0}}),
    "SrTiO3": (
        Atoms("SrTiO3", scaled_positions=[(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)],
              cell=[3.905] * 3, pbc=True) * 3,
        {"O": {"O": 0, "Sr": 4, "Ti": 2}, "Sr": {"O": 12, "Sr": 0, "Ti": 0}, "Ti": {"O": 6, "Sr": 0, "Ti": 0}},
    ),
    "Cu3Au": (
        Atoms("AuCu3", scaled_positions=FCC, cell=[3.75] * 3, pbc=True) * 3,
        {"Au": {"Au": 0, "Cu": 12}, "Cu": {"Au": 4, "Cu": 8}},
    ),
    "CuAu": (  # unlike atoms are 4 % closer
        Atoms("AuCu2Au", scaled_positions=FCC, cell=[3.966, 3.966, 3.673], pbc=True) * 3,
        {"Au": {"Au": 4, "Cu": 8}, "Cu": {"Au": 8, "Cu": 4}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOUNDS)
@pytest.mark.parametrize("shaken_A", [0.0, 0.1])
def test_neighbours_of_a_compound_are_those_of_its_first_shell(name: str, shaken_A: float, measure: Measure) -> None:
    crystal, expected = COMPOUNDS[name]
    frames = [crystal.copy() for _ in range(3)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(shaken_A, seed=seed)
        atoms.positions += 100.0 * seed  # unwrapped far out of the cell
    summary = measure(frames, observables=["coordination"]).results["coordination"].summary
    for symbol, mean_to in expected.items():
        assert summary[symbol]["mean_to"] == pytest.approx(mean_to, abs=0.02)  # type: ignore[index]


def test_angles_of_a_salt_are_those_of_unlike_ions(measure: Measure) -> None:
    salt = COMPOUNDS["NaCl"][0]
    found = measure([salt], observables=["coordination", "angles"]).results
    assert found["angles"].summary["Na"]["n_angles"] == 32 * 15  # type: ignore[index]
    table = found["angles"].tables["angles"]
    there = table["angle_deg"][table["density_Na_per_deg"] > 0]
    assert (np.abs(there[:, None] - [90.0, 180.0]).min(axis=1) < 1.0).all()
    rows = dict(coordination_rows(found["coordination"].summary))
    assert rows["not bonded"] == "Cl-Cl (behind Na), Na-Na (behind Cl)"
    every = measure([salt], observables=["coordination"], bond_A=4.5).results["coordination"].summary
    assert every["Na"]["mean_to"] == {"Cl": 6.0, "Na": 12.0}  # type: ignore[index]


def test_a_disordered_salt_has_unlike_neighbours_only(measure: Measure) -> None:
    frames = [COMPOUNDS["NaCl"][0] * 2 for _ in range(3)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.4, seed=seed)
    summary = measure(frames, observables=["coordination"]).results["coordination"].summary
    assert summary["Na"]["mean_to"]["Na"] == 0.0  # type: ignore[index]
    assert 5.0 < summary["Na"]["mean_to"]["Cl"] < 7.0  # type: ignore[index]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("C2H6", {"C": {"C": 1, "H": 3}, "H": {"C": 1, "H": 0}}),
        ("H2O", {"O": {"O": 0, "H": 2}, "H": {"O": 1, "H": 0}}),
    ],
)
def test_like_atoms_of_a_molecule_are_bonded_where_no_other_is_between(
    name: str, expected: dict[str, dict[str, float]], measure: Measure
) -> None:
    summary = measure([molecule(name)], observables=["coordination"]).results["coordination"].summary
    for symbol, mean_to in expected.items():
        assert summary[symbol]["mean_to"] == mean_to  # type: ignore[index]


def test_shells_that_differ_by_the_sizes_of_atoms_are_all_first_neighbours() -> None:
    alloy = bulk("Cu", a=4.1, cubic=True) * 3
    alloy.symbols[np.random.default_rng(0).permutation(len(alloy))[::2]] = "Zr"
    sizes = {"Cu-Cu": Shell(2.55, 3.5), "Cu-Zr": Shell(2.8, 3.7), "Zr-Zr": Shell(3.15, 3.9)}
    assert pairs_behind(alloy, sizes) == {}
    like_ions = {**sizes, "Cu-Cu": Shell(3.15, 3.9)}
    assert pairs_behind(alloy, like_ions) == {"Cu-Cu": "Zr", "Zr-Zr": "Cu"}


def test_a_spectrum_that_is_not_resolved_says_so() -> None:
    summary = {"n_windows": 3, "frames_are_dense_enough": True, "peak_THz": 0.0, "mean_THz": 7.5}
    ((_, words),) = vibration_rows({**summary, "resolution_THz": 20.0})
    assert "too short for a spectrum" in words
    ((_, words),) = vibration_rows({**summary, "resolution_THz": 0.5})
    assert "too short" not in words


@pytest.mark.parametrize("seed", range(6))
def test_pairs_of_any_cell_are_those_of_ase(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = rng.normal(size=(3, 3)) + np.diag([4.0, 5.0, -6.0 if seed % 2 else 6.0])
    pbc = (True, True, True) if seed < 4 else rng.random(3) < 0.5
    atoms = Atoms("Ar5", rng.uniform(-9, 9, (5, 3)), cell=cell, pbc=pbc)
    found = pairs_within(atoms, 7.0)
    first, second, distance, vector = neighbor_list("ijdD", atoms, 7.0)
    assert (np.diff(found.first) >= 0).all()
    order, expected = (np.lexsort((d.round(8), j, i)) for i, j, d in (found[:3], (first, second, distance)))
    np.testing.assert_array_equal(found.second[order], second[expected])
    np.testing.assert_allclose(found.distance[order], distance[expected], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.vector, axis=1), found.distance, atol=1e-9)
    np.testing.assert_allclose(found.vector.sum(axis=0), vector.sum(axis=0), atol=1e-7)
    moved = atoms.positions[found.first] + found.vector - atoms.positions[found.second]
    shifts = moved @ np.linalg.inv(cell)
    np.testing.assert_allclose(shifts, np.round(shifts), atol=1e-8)


def test_without_shells_no_pair_is_behind_another() -> None:
    """As with a radius below all distances."""
    assert pairs_behind(bulk("NaCl", "rocksalt", a=5.64), {}) == {}
