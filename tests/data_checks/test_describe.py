"""Findings of ``describe`` in data with deliberate errors, and none in valid data."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell, molecule

from alignn_ff.data_checks import Finding, describe, split_without_leaks
from alignn_ff.data_checks.environments import environment_of
from alignn_ff.data_checks.likeness import alike
from alignn_ff.errors import DataError
from alignn_ff.train import Record
from alignn_ff.units import GPA_PER_EV_PER_A3
from tests.support.labelled_data import copper_frames, labelled, molecule_frames


def record_of(atoms: Atoms, name: str) -> Record:
    has_stress = "stress" in atoms.calc.results
    return Record(
        name,
        atoms.copy(),
        atoms.get_potential_energy(),
        atoms.get_forces().copy(),
        atoms.get_stress(voigt=False).copy() if has_stress else None,
        atoms.info.get("config_type", ""),
    )


def copper(n: int = 24) -> list[Record]:
    return [record_of(frame, f"cu-{k}") for k, frame in enumerate(copper_frames(n))]


def spoiled(**changes: object) -> list[Record]:
    """Copper records with energies, forces or stresses changed by functions of the record."""
    return [record._replace(**{name: change(record) for name, change in changes.items()}) for record in copper()]


def findings_of(records: list[Record], kind: str | None = None) -> list[Finding]:
    return [finding for finding in describe({"cu": records}).findings if kind in (None, finding.kind)]


def test_valid_data_have_no_findings() -> None:
    description = describe({"cu": copper()})
    assert description.findings == ()
    found = description.consistency["cu"]
    assert found.explained > 0.95
    assert found.force_factor == pytest.approx(1.0, abs=0.1)
    strained = describe({"cu": strained_copper()}).consistency["cu"]
    assert strained.explained > 0.99
    assert strained.stress_factor == pytest.approx(1.0, abs=0.05)
    assert abs(strained.stress_offset_GPa) < 0.3


def test_contents_are_counted_and_measured() -> None:
    records = copper(6)
    contents = describe({"cu": records}).contents["cu"]
    assert (contents.n_structures, contents.n_atoms, contents.elements) == (6, 24, {"Cu": 6})
    assert contents.labels == {"energy": 6, "forces": 6, "stress": 6}
    assert contents.groups == {"bulk": 2, "strained": 2, "hot": 2}
    shortest = min(r.atoms.get_all_distances(mic=True)[np.triu_indices(4, 1)].min() for r in records)
    assert contents.shortest_distance_A == {"Cu-Cu": pytest.approx(shortest)}
    energies = [record.energy / 4 for record in records]
    assert contents.ranges["energy_eV_per_atom"].lowest == pytest.approx(min(energies))


@pytest.mark.parametrize(
    ("changes", "kind", "hint"),
    [
        ({"forces": lambda r: -r.forces}, "units of forces", "wrong sign"),
        ({"forces": lambda r: r.forces * 23.0605}, "units of forces", "forces look like kcal/mol/Å"),
        ({"forces": lambda r: r.forces / 51.422}, "units of forces", "forces look like Ha/Bohr"),
        ({"energy": lambda r: r.energy / 27.2114}, "units of energy", "energies look like Ha"),
        ({"energy": lambda r: r.energy / 13.6057}, "units of energy", "energies look like Ry"),
        ({"energy": lambda r: r.energy * 23.0605}, "units of energy", "energies look like kcal/mol"),
        ({"energy": lambda r: r.energy / 4}, "units of energy", "energies look like eV per atom"),
        ({"stress": lambda r: r.stress * GPA_PER_EV_PER_A3}, "units of stress", "times the stress"),
        ({"forces": lambda r: r.forces + 0.1}, "net force", "do not sum to zero"),
    ],
)
def test_a_mix_up_of_units_or_signs_is_caught(changes: dict, kind: str, hint: str) -> None:
    assert any(hint in finding.sentence for finding in findings_of(spoiled(**changes), kind))


def strained_copper(n: int = 16) -> list[Record]:
    """Cells of various strain, atoms hardly displaced, as for elastic constants."""
    generator = np.random.default_rng(2)
    records = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.008 * generator.normal(size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.005, seed=k)
        records.append(record_of(labelled(atoms, "strained"), f"cu-{k}"))
    return records


@pytest.mark.parametrize(
    ("factor", "hint"),
    [
        (-1.0, "wrong sign"),
        (GPA_PER_EV_PER_A3, "look like GPa"),
        (10.0 * GPA_PER_EV_PER_A3, "look like kbar"),
        (-10.0 * GPA_PER_EV_PER_A3, "look like kbar with pressure positive"),
    ],
)
def test_units_and_signs_of_stresses_are_distinguished(factor: float, hint: str) -> None:
    records = [record._replace(stress=record.stress * factor) for record in strained_copper()]
    (finding,) = findings_of(records)
    assert finding.kind == "units of stress"
    assert hint in finding.sentence


@pytest.mark.parametrize(("factor", "hint"), [(-1.0, "virials in eV"), (1.0, "multiplied by the volume")])
def test_stresses_that_were_not_divided_by_the_volume_are_recognised(factor: float, hint: str) -> None:
    records = [r._replace(stress=factor * r.stress * r.atoms.get_volume()) for r in strained_copper()]
    (finding,) = findings_of(records)
    assert hint in finding.sentence


def randomly_strained(strain: float, rattle: float, seed: int) -> list[Record]:
    """Exact labels of cells with random strains and displacements of one size."""
    generator = np.random.default_rng(seed)
    records = []
    for k in range(12):
        atoms = bulk("Cu", cubic=True)
        gradient = strain * generator.normal(size=(3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.5 * (gradient + gradient.T)), scale_atoms=True)
        atoms.positions += rattle * generator.normal(size=(4, 3))
        records.append(record_of(labelled(atoms, "random"), f"cu-{k}"))
    return records


@pytest.mark.parametrize("strain", [0.01, 0.02, 0.03])
@pytest.mark.parametrize("rattle", [0.01, 0.05, 0.1])
def test_exact_labels_raise_no_alarm(strain: float, rattle: float) -> None:
    for seed in range(3):
        assert findings_of(randomly_strained(strain, rattle, seed)) == []


@pytest.mark.parametrize("strain", [0.01, 0.02, 0.03])
@pytest.mark.parametrize(("factor", "unit"), [(1 / 13.605693, "Ry"), (1 / 27.211386, "Ha"), (1000.0, "meV")])
def test_energies_in_another_unit_are_blamed_on_the_energies(strain: float, factor: float, unit: str) -> None:
    records = [r._replace(energy=r.energy * factor) for r in randomly_strained(strain, 0.02, 1)]
    said = [f for f in findings_of(records) if f.kind.startswith(("units", "offset"))]
    assert [(f.kind, f"the energies look like {unit};" in f.sentence) for f in said] == [("units of energy", True)]


def test_an_offset_of_stresses_is_found_and_measured() -> None:
    shift = np.eye(3) * 4.0 / GPA_PER_EV_PER_A3
    shifted = [record._replace(stress=record.stress + shift) for record in strained_copper()]
    description = describe({"cu": shifted})
    assert description.consistency["cu"].stress_offset_GPa == pytest.approx(4.0, abs=0.3)
    assert [finding.kind for finding in description.findings] == ["offset of stress"]
    assert description.findings[0].sentence.startswith("cu: the diagonal of the stress is +")


def test_energies_of_molecules_in_hartree_are_caught() -> None:
    water = molecule("H2O")
    for energy, wrong in ((-76.4, True), (-76.4 * 27.2114, False)):
        records = [Record(f"w{k}", water, energy, None, None, "") for k in range(3)]
        said = [f.sentence for f in describe({"w": records}).findings if f.kind == "units of energy"]
        assert any("all-electron energies in Ha" in sentence for sentence in said) is wrong


def test_energies_that_do_not_grow_with_the_size_are_caught() -> None:
    cells = [bulk("Cu") * (n, 1, 1) for n in (1, 2, 4)]
    for per_atom in (True, False):
        records = [Record(f"{len(c)}", c, -3.7 * (1 if per_atom else len(c)), None, None, "") for c in cells]
        said = [f.sentence for f in describe({"cu": records}).findings if f.kind == "units of energy"]
        assert bool(said) is per_atom


def test_outliers_and_short_bonds_are_named() -> None:
    records = copper(30)
    records[7] = records[7]._replace(energy=records[7].energy + 400.0)
    squeezed = labelled(Atoms("Cu2", [[0, 0, 0], [1.1, 0, 0]]), "x")
    records.append(record_of(squeezed, "squeezed"))
    found = findings_of(records)
    assert any(finding.kind == "outlier" and "cu-7" in finding.records for finding in found)
    assert any(finding.kind == "short bond" and finding.records == ("squeezed",) for finding in found)


def rotated_and_renumbered(record: Record, name: str) -> Record:
    atoms = record.atoms.copy()
    atoms.rotate(37.0, (1, 2, 3), rotate_cell=True)
    atoms.translate([0.3, -1.2, 0.7])
    return record._replace(identifier=name, atoms=atoms[[2, 0, 3, 1]])


def test_the_same_structure_is_recognised_in_any_setting_and_another_one_is_not() -> None:
    record = copper(1)[0]
    doubled = record.atoms.copy()
    supercell = record._replace(
        identifier="double", atoms=make_supercell(doubled, [[1, 1, 0], [0, 1, 0], [0, 0, 2]]), energy=2 * record.energy
    )
    moved = record.atoms.copy()
    moved.positions[0, 0] += 0.01
    records = [record, rotated_and_renumbered(record, "turned"), supercell, record._replace(atoms=moved)]
    assert alike(records, [environment_of(r) for r in records]) == [(0, 1, 2)]
    swapped = bulk("NiAl", "cesiumchloride", a=2.9, cubic=True) * (2, 2, 2)
    other = swapped.copy()
    other.numbers[[0, 1]] = other.numbers[[1, 0]]
    alloys = [Record(str(k), atoms, 0.0, None, None, "") for k, atoms in enumerate((swapped, other))]
    assert alike(alloys, [environment_of(r) for r in alloys]) == []


def test_duplicates_leaks_and_contradictions_are_distinguished() -> None:
    records = copper(4)
    leak = rotated_and_renumbered(records[0], "leak")
    wrong = records[1]._replace(identifier="wrong", energy=records[1].energy + 1.0)
    found = {f.kind: f.records for f in describe({"train": [*records, wrong], "test": [leak]}).findings}
    assert found["leak"] == ("train/cu-0", "test/leak")
    assert found["duplicates"] == ("train/cu-1", "train/wrong")
    assert found["contradiction"] == ("train/cu-1", "train/wrong")


def test_molecules_are_compared_whatever_their_orientation() -> None:
    records = [record_of(frame, f"co-{k}") for k, frame in enumerate(molecule_frames(12))]
    description = describe({"co": records})
    assert description.contents["co"].periodicity == {"molecule": 12}
    flipped = [r._replace(forces=-r.forces) for r in records]
    assert any("wrong sign" in f.sentence for f in describe({"co": flipped}).findings)
    assert not any(f.kind == "units of forces" for f in description.findings)


# Splits


def test_a_split_never_parts_what_is_the_same() -> None:
    records = copper(9)
    records += [rotated_and_renumbered(record, f"again-{k}") for k, record in enumerate(records)]
    split = split_without_leaks(records, (0.6, 0.2, 0.2), seed=4)
    assert sorted((*split.train, *split.val, *split.test)) == list(range(18))
    for part in split:
        assert {i % 9 for i in part if i < 9} == {i % 9 for i in part if i >= 9}
    assert split == split_without_leaks(records, (0.6, 0.2, 0.2), seed=4)
    assert split != split_without_leaks(records, (0.6, 0.2, 0.2), seed=5)
    sets = {name: [records[i] for i in part] for name, part in split._asdict().items()}
    assert not [finding for finding in describe(sets).findings if finding.kind == "leak"]


def test_a_split_is_stratified_and_keeps_formulas_together() -> None:
    records = copper(30)
    split = split_without_leaks(records, (0.6, 0.2, 0.2), stratify_by="config_type")
    for part, expected in zip(split, (6, 2, 2), strict=True):
        groups = [records[i].group for i in part]
        assert all(abs(groups.count(group) - expected) <= 1 for group in ("bulk", "hot", "strained"))
    mixed = [
        Record(f"{symbol}{k}", bulk(symbol, a=3.6 + 0.01 * k), 0.0, None, None, "")
        for symbol in ("Cu", "Ag", "Au", "Ni", "Pd")
        for k in range(4)
    ]
    together = split_without_leaks(mixed, (0.6, 0.2, 0.2), keep_together="formula")
    assert [len(part) for part in together] == [12, 4, 4]
    formulas = [{mixed[i].atoms.symbols[0] for i in part} for part in together]
    assert not formulas[0] & formulas[1]
    assert not formulas[0] & formulas[2]
    with pytest.raises(DataError, match="would be empty"):
        split_without_leaks(mixed[:4], (0.6, 0.2, 0.2), keep_together="formula")
    with pytest.raises(DataError, match="has no 'batch'"):
        split_without_leaks(mixed, (0.6, 0.2, 0.2), keep_together="batch")
