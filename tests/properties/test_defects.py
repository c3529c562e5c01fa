"""Point defects: laws on analytic potentials."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.plots import property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.defects import DefectConfig, DefectResult
from alignn_ff.properties.defects.sites import distinct_voids, interstitials
from alignn_ff.properties.defects.starts import STARTS
from alignn_ff.properties.files import restart_file
from alignn_ff.properties.run import PropertyRun
from alignn_ff.properties.run import compute as compute_run
from alignn_ff.properties.supercells import repeats_for_size, repeats_for_width
from alignn_ff.properties.symmetry import conventional_cell, primitive_cell, symmetry_dataset
from tests.support.command_line import CommandLine
from tests.support.silicon import silicon

BOND_EV = 2.16826
"""Depth of Stillinger–Weber's bond; the perfect crystal has two per atom."""


def defects(name: str, atoms: Atoms, **config: object) -> DefectResult:
    result = compute(name, atoms, config=config)
    assert isinstance(result, DefectResult)
    return result


def copper() -> Atoms:
    atoms = bulk("Cu", a=3.6)
    atoms.calc = EMT()
    return atoms


def ordered_alloy() -> Atoms:
    atoms = bulk("Cu", a=3.8, cubic=True)
    atoms.symbols[0] = "Au"
    atoms.calc = EMT()
    return atoms


@pytest.fixture(scope="module")
def silicon_vacancy() -> DefectResult:
    return defects("vacancy", silicon())


def test_the_unrelaxed_vacancy_of_silicon_breaks_four_bonds_at_any_size(silicon_vacancy: DefectResult) -> None:
    small = defects("vacancy", silicon(), sizes=(1,), starts=("unrattled",))
    for result in (silicon_vacancy, small):
        # two broken bonds per atom removed, after one atom's bonds are back in the crystal
        assert result.summary["unrelaxed_formation_energy_eV"] == pytest.approx(2 * BOND_EV, abs=2e-4)


def test_a_vacancy_held_by_its_symmetry_leaves_the_saddle(silicon_vacancy: DefectResult) -> None:
    (defect,) = silicon_vacancy.defects
    found = {t.start: t.relaxed.energy for t in defect.trials}
    kept = silicon_vacancy.formation_energy(defect, silicon_vacancy.limits[0], energy=found["unrattled"])
    assert kept == pytest.approx(4.3366, abs=2e-4)  # the ideal vacancy has no forces
    assert silicon_vacancy.summary["formation_energy_eV"] == pytest.approx(2.8353, abs=1e-3)
    assert silicon_vacancy.remarks[0].code == "symmetry_hides_minimum"
    assert set(found) == set(STARTS)


def test_equal_energies_go_to_the_start_that_comes_first() -> None:
    result = defects("vacancy", copper(), min_width_A=7.0)
    (defect,) = result.defects
    assert defect.best.start == "unrattled"
    assert "symmetry_hides_minimum" not in {remark.code for remark in result.remarks}


def test_the_supercell_converges_like_one_over_n_and_is_extrapolated() -> None:
    result = defects("vacancy", copper(), sizes=(2, 3, 4), starts=("unrattled",))
    relaxed = result.tables["defects"]["relaxed_eV"]
    np.testing.assert_allclose(relaxed, [1.2278, 1.2242, 1.2238], atol=2e-4)  # type: ignore[arg-type]
    assert result.summary["dilute_formation_energy_eV"] == pytest.approx(1.2230, abs=5e-4)
    (figure,) = property_figures(result).values()
    assert len(figure.axes) == 2


def test_a_pair_potential_without_relaxation_gives_the_cohesive_energy() -> None:
    atoms = bulk("Ar", a=5.24)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0, ro=6.0, smooth=True)
    result = defects("vacancy", atoms, starts=("unrattled",), min_width_A=16.5)
    cohesive = -result.limits[0].eV["Ar"]
    assert result.summary["unrelaxed_formation_energy_eV"] == pytest.approx(cohesive, rel=1e-6)


def test_the_cell_of_the_defect_is_that_of_the_relaxed_crystal() -> None:
    result = defects("vacancy", copper(), starts=("unrattled",))
    (defect,) = result.defects
    expected = result.atoms.repeat(defect.repeats).cell.array
    np.testing.assert_array_equal(defect.best.relaxed.atoms.cell.array, expected)


def test_the_estimate_for_a_fixed_cell_leads_to_the_energy_of_a_large_one() -> None:
    result = defects("vacancy", copper(), sizes=(2, 4), starts=("unrattled",))
    small, large = result.defects
    limit = result.limits[0]
    error = result.formation_energy(small, limit) - result.formation_energy(large, limit)
    assert abs(error + result.elastic_correction(small)) < 0.6 * abs(error)


def test_primitive_and_conventional_input_give_the_same_defect() -> None:
    cubic = bulk("Cu", a=3.6, cubic=True).repeat((1, 1, 2))
    cubic.calc = EMT()
    energies = [defects("vacancy", a, starts=("unrattled",)).summary["formation_energy_eV"] for a in (copper(), cubic)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-5)


def test_adding_and_removing_an_atom_have_opposite_signs() -> None:
    few = {"starts": ("unrattled",), "min_width_A": 7.0}
    (removed,) = defects("vacancy", copper(), **few).defects
    added = defects("interstitial", copper(), **few)
    assert removed.change == {"Cu": -1}
    assert {defect.change["Cu"] for defect in added.defects} == {1}
    assert all(added.formation_energy(defect, added.limits[0]) > 2.0 for defect in added.defects)


def test_an_exchanged_pair_does_not_depend_on_the_chemical_potentials(tmp_path: Path) -> None:
    files = []
    for symbol, lattice in (("Cu", 3.6), ("Au", 4.06)):
        files.append(str(tmp_path / f"{symbol}.cif"))
        bulk(symbol, a=lattice).write(files[-1])
    result = defects("antisite", ordered_alloy(), reference=tuple(files), starts=("unrattled",), min_width_A=7.0)
    pairs = [
        sum(result.formation_energy(defect, limit) for defect in result.defects if defect.site.label != "-")
        for limit in result.limits
    ]
    assert [limit.name for limit in result.limits] == ["Cu-rich", "Au-rich"]
    assert [defect.change for defect in result.defects] == [{"Au": -1, "Cu": 1}, {"Au": 1, "Cu": -1}]
    assert pairs[0] == pytest.approx(pairs[1], abs=1e-9)
    single = [result.formation_energy(result.defects[0], limit) for limit in result.limits]
    assert single[0] < single[1]  # copper goes more easily into the crystal where copper is plentiful


def test_chemical_potentials_add_up_to_the_crystal(tmp_path: Path) -> None:
    bulk("Cu", a=3.6).write(tmp_path / "Cu.cif")
    result = defects("vacancy", ordered_alloy(), reference=(str(tmp_path / "Cu.cif"),), starts=("unrattled",))
    (limit,) = result.limits
    crystal = result.atoms.copy()
    crystal.calc = EMT()
    assert limit.eV["Au"] + 3 * limit.eV["Cu"] == pytest.approx(crystal.get_potential_energy(), abs=1e-6)
    assert limit.eV["Cu"] == pytest.approx(-0.00703, abs=1e-4)


def test_voids_of_fcc_and_diamond_are_the_known_ones() -> None:
    copper_voids = distinct_voids(bulk("Cu", a=4.0, cubic=True), 0.01)
    assert [count for _, count in copper_voids] == [4, 8]  # octahedral, tetrahedral
    diamond = conventional_cell(silicon(), 0.01)
    assert [count for _, count in distinct_voids(diamond, 0.01)] == [8, 16]  # tetrahedral, hexagonal
    labels = [site.label for site in interstitials(diamond, None, 0.01)]
    assert labels == ["Si in void 1", "Si in void 2", "Si split 100", "Si split 110", "Si split 111"]


def test_supercells_are_as_wide_as_asked() -> None:
    hexagonal = bulk("Ti", a=2.95, c=4.68)
    repeats = repeats_for_width(hexagonal, 10.0)
    assert repeats == (4, 4, 3)
    assert repeats_for_size(hexagonal, 2) == (4, 4, 2)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("vacancy", {"element": "Ge"}, r"--element Ge is not in the structure, which has Cu"),
        ("vacancy", {"min_width_A": 40.0}, r"12×12×12 for a vacancy has 6912 atoms.*5 relaxations, about 250"),
        ("vacancy", {"starts": ("sideways",)}, "it should be 'unrattled'"),
        ("antisite", {}, "an antisite needs a compound, but the crystal is all Cu"),
    ],
)
def test_what_cannot_be_computed_is_refused(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compute(name, copper(), config=config)


def test_a_compound_without_phases_and_a_slab_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs chemical potentials from the same model.*--reference Au.cif,Cu.cif"):
        compute("vacancy", ordered_alloy())
    bulk("Ag").write(tmp_path / "Ag.cif")
    with pytest.raises(ConfigError, match="contains Ag, which the crystal does not"):
        compute("vacancy", ordered_alloy(), config={"reference": (str(tmp_path / "Ag.cif"),)})
    slab = fcc111("Cu", (1, 1, 4), vacuum=8.0, periodic=True)
    slab.calc = EMT()
    with pytest.raises(StructureError, match="a vacancy needs a crystal"):
        compute("vacancy", slab)


def test_a_reference_that_is_missing_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EMT, "calculate", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(StructureError, match=r"no such structure file: missing\.cif"):
        compute("vacancy", ordered_alloy(), config={"reference": ("missing.cif",)})


def test_a_stopped_run_finishes_with_the_same_bits(tmp_path: Path) -> None:
    config = DefectConfig(min_width_A=7.0, starts=("unrattled", "random"))
    run = PropertyRun("vacancy", (bulk("Cu", a=3.6),), config, tmp_path / "cu", {"model": "emt"})
    expected = compute_run(run, EMT())
    journal = restart_file(run.prefix)
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[: len(lines) // 2]))
    found = compute_run(run, EMT(), resume=True)
    assert found.to_json()["tables"] == expected.to_json()["tables"]


def test_the_command_writes_files_and_refuses_with_exit_code_2(tmp_path: Path, command_line: CommandLine) -> None:
    bulk("Si", a=5.46).write(tmp_path / "si.vasp")
    words = ["vacancy", str(tmp_path / "si.vasp"), "-o", str(tmp_path / "out")]
    quick = ["--min-width", "5", "--starts", "unrattled", "--fmax", "0.01", "--defect-fmax", "0.1"]
    finished = command_line(*words, *quick)
    assert finished.code == 0, finished.stderr
    assert "formation energy, eV" in finished.stdout
    assert {"out-defects.csv", "out-starts.csv", "out-defects.png"} <= {path.name for path in tmp_path.iterdir()}
    for option, value in (("--element", "Ge"), ("--max-atoms", "5"), ("--starts", "sideways"), ("--sizes", "two")):
        refused = command_line(*words, option, value, "--overwrite")
        assert refused.code == 2
        assert "Traceback" not in refused.stderr


def test_symmetry_that_cannot_be_found_is_an_error_for_people() -> None:
    overlapping = Atoms("Si2", positions=[[0.0, 0.0, 0.0], [0.0, 0.0, 1e-4]], cell=[3.0, 3.0, 3.0], pbc=True)
    for ask in (symmetry_dataset, conventional_cell, primitive_cell):
        with pytest.raises(StructureError, match=r"no symmetry was found within 0\.01 Å.*--symprec"):
            ask(overlapping, 0.01)
