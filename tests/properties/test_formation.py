"""Formation energies and hulls: laws on hand-made phases, on copper and gold (EMT), and refusals."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.io import write
from ase.phasediagram import PhaseDiagram

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.plots import save_property_figures
from alignn_ff.plots.hull import hull_figure
from alignn_ff.properties import compute
from alignn_ff.properties.files import write_result
from alignn_ff.properties.formation import FormationResult, HullResult
from alignn_ff.properties.formation.hull import decompose
from alignn_ff.properties.formation.references import built_reference
from tests.support.command_line import CommandLine

QUICK = {"fmax_eV_per_A": 0.02}


def alloys() -> list[Atoms]:
    """Cu₃Au, CuAu, CuAu₃ on the fcc lattice, and both elements."""
    found = []
    for gold in ([0], [0, 1], [0, 1, 2], [], [0, 1, 2, 3]):
        atoms = bulk("Cu", cubic=True, a=3.6 + 0.1 * len(gold))
        for k in gold:
            atoms.symbols[k] = "Au"
        found.append(atoms)
    found[0].calc = EMT()
    return found


@pytest.fixture(scope="module")
def hull() -> HullResult:
    result = compute("hull", *alloys(), config=QUICK)
    assert isinstance(result, HullResult)
    return result


def test_three_phases_made_by_hand() -> None:
    phases = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]])
    energies = [-1.0, -3.0, -2.4, -1.6, -2.9]  # the line from A to AB is at −1.7 for A₃B, from AB to B at −2.7 for AB₃
    found = [decompose(share, phases, energies) for share in phases]
    above = [energy - mixture.energy for energy, mixture in zip(energies, found, strict=True)]
    assert above == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.0], abs=1e-12)
    assert dict(found[3].shares) == pytest.approx({0: 0.5, 2: 0.5})
    without = decompose(phases[2], phases[[0, 1, 4]], [-1.0, -3.0, -2.9])
    assert without.energy == pytest.approx(-1.0 / 3 - 2.9 * 2 / 3)


def test_ternary_mixtures_are_those_of_the_phase_diagram_of_ase() -> None:
    generator = np.random.default_rng(3)
    drawn = generator.integers(0, 4, (12, 3)) + np.array([1, 0, 0])
    counts = [(1, 0, 0), (0, 1, 0), (0, 0, 1), *map(tuple, drawn.tolist())]
    shares = np.array([np.array(count) / sum(count) for count in counts])
    energies = [0.0, 0.0, 0.0, *generator.uniform(-1, 0, 12)]
    names = [f"Li{a}O{b}Si{c}" for a, b, c in counts]
    totals = [energy * sum(count) for energy, count in zip(energies, counts, strict=True)]
    diagram = PhaseDiagram(list(zip(names, totals, strict=True)), verbose=False)
    for name, share, count in zip(names, shares, counts, strict=True):
        expected, *_ = diagram.decompose(name)
        assert decompose(share, shares, energies).energy == pytest.approx(expected / sum(count), abs=1e-9)


def test_elements_have_no_formation_energy_and_stable_phases_are_on_the_hull(hull: HullResult) -> None:
    formation = {phase.name: phase.formation for phase in hull.phases}
    assert formation["Cu"] == formation["Au"] == 0
    above = dict(zip(formation, hull.above_hull, strict=True))
    assert above["Cu"] == above["Au"] == 0
    assert min(formation.values()) < 0
    assert above[min(formation, key=lambda name: formation[name])] == 0
    assert all(value >= 0 for value in above.values())
    assert not hull.remarks


def test_the_formation_energy_of_one_phase_is_that_of_the_hull_and_does_not_depend_on_the_cell(
    hull: HullResult,
) -> None:
    phase = hull.phases[1]
    atoms = alloys()[1].repeat((1, 1, 2))
    atoms.calc = EMT()
    found = compute("formation-energy", atoms, config=QUICK)
    assert isinstance(found, FormationResult)
    assert found.summary["formation_energy_eV_per_atom"] == pytest.approx(phase.formation, abs=2e-4)
    assert found.summary["formation_energy_eV_per_formula"] == pytest.approx(2 * phase.formation, abs=4e-4)
    assert found.checks["Cu_reference_eV_per_atom"] == pytest.approx(hull.references["Cu"].energy, abs=1e-4)


def test_polymorphs_of_one_element_are_above_the_lowest() -> None:
    found = compute("hull", *silicon_like(), config={**QUICK, "keep_symmetry": True})
    assert isinstance(found, HullResult)
    assert [phase.name for phase in found.phases] == ["Ar#1", "Ar#2"]
    assert found.above_hull[0] == 0
    assert found.above_hull[1] > 0.001


def silicon_like() -> list[Atoms]:
    found = [bulk("Ar", a=5.26), bulk("Ar", "sc", a=3.6)]
    found[0].calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=9.0, ro=7.0, smooth=True)
    return found


def test_a_poisoned_structure_is_left_out_with_a_reason() -> None:
    structures = alloys()[3:]
    structures[0].calc = EMT()
    structures.append(molecule("O2", vacuum=5.0))
    result = compute("hull", *structures, config=QUICK)
    assert isinstance(result, HullResult)
    assert len(result.phases) == 2
    assert [remark.code for remark in result.remarks] == ["left_out"]
    assert "structure 2 (O2) is left out: a convex hull needs a crystal" in result.remarks[0].sentence


def test_references_come_from_files_and_molecules_are_marked(tmp_path: Path) -> None:
    bulk("Cu", "bcc", a=2.9).write(tmp_path / "cu.vasp")
    alloys()[0].write(tmp_path / "alloy.vasp")
    atoms = alloys()[1]
    atoms.calc = EMT()
    built = compute("formation-energy", atoms, config=QUICK)
    given = compute("formation-energy", atoms, config={**QUICK, "references": (str(tmp_path / "cu.vasp"),)})
    assert given.checks["Cu_reference_eV_per_atom"] > built.checks["Cu_reference_eV_per_atom"] + 0.005
    with pytest.raises(ConfigError, match="a reference consists of one element"):
        compute("formation-energy", atoms, config={**QUICK, "references": (str(tmp_path / "alloy.vasp"),)})
    oxide = bulk("CuO", "rocksalt", a=4.2)
    oxide.calc = EMT()
    codes = [remark.code for remark in compute("formation-energy", oxide, config={**QUICK, "relax": False}).remarks]
    assert codes == ["molecule"]
    with pytest.raises(ConfigError, match=r"ground state of Ga.*cannot be built.*--references Ga\.cif"):
        built_reference("Ga")


def test_all_structures_refused_is_an_error() -> None:
    alone = molecule("O2", vacuum=5.0)
    alone.calc = EMT()
    with pytest.raises(StructureError, match="needs a crystal"):
        compute("hull", alone)
    with pytest.raises(StructureError, match="needs a crystal"):
        compute("formation-energy", alone)


def test_files_figure_and_mixtures(hull: HullResult, tmp_path: Path) -> None:
    files = write_result(tmp_path / "cu", hull) + save_property_figures(hull, tmp_path / "cu")
    assert {file.name for file in files} == {
        *("cu.json", "cu-hull.csv", "cu-relaxed.extxyz", "cu-references.extxyz", "cu-hull.png")
    }
    table = json.loads((tmp_path / "cu.json").read_text())["tables"]["hull"]
    assert table["decomposes_into"][3] == "1.00 Cu"


def test_the_hull_does_not_cross_the_names_of_its_corners() -> None:
    phases = [
        SimpleNamespace(name=f"Cu{4 - gold}Au{gold}", atoms=Atoms("Cu" * (4 - gold) + "Au" * gold), formation=energy)
        for gold, energy in ((1, -0.11), (2, -0.2), (3, -0.12))
    ]
    figure = hull_figure(SimpleNamespace(elements=("Cu", "Au"), phases=phases, above_hull=[0.0] * 3))  # type: ignore[arg-type]
    figure.canvas.draw()
    (axes,) = figure.axes
    line = axes.lines[0].get_path().transformed(axes.transData)
    assert len(axes.texts) == 3
    assert not any(line.intersects_bbox(name.get_window_extent(), filled=False) for name in axes.texts)


def test_the_command_takes_a_file_of_structures(tmp_path: Path, command_line: CommandLine) -> None:
    write(tmp_path / "si.extxyz", [bulk("Si"), bulk("Si", "bcc", a=3.1)])
    words = ("--fmax", "0.05", "--no-relax", "--outside", "warn", "-o", tmp_path / "si-hull")
    found = command_line("hull", tmp_path / "si.extxyz", *words)
    assert found.code == 0, found.stderr
    assert "Si#2 above hull, eV/atom" in found.stdout


def test_the_command_takes_several_files_and_a_folder_for_its_own(tmp_path: Path, command_line: CommandLine) -> None:
    write(tmp_path / "diamond.vasp", bulk("Si"))
    write(tmp_path / "bcc.vasp", bulk("Si", "bcc", a=3.1))
    words = ("--no-relax", "--outside", "warn", "--no-figures", "-o", f"{tmp_path}/new/")
    found = command_line("hull", tmp_path / "diamond.vasp", tmp_path / "bcc.vasp", *words)
    assert found.code == 0, found.stderr
    energies = json.loads((tmp_path / "new" / "diamond-hull.json").read_text())["tables"]["hull"][
        "above_hull_eV_per_atom"
    ]
    assert energies[0] == 0.0 < energies[1]
