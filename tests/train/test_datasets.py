"""Data in every usual format: contents, units, and errors on bad input."""

import json
import sys
import types
import zipfile
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from numpy.testing import assert_allclose

from alignn_ff.errors import ConfigError, DataError, StructureError
from alignn_ff.train import DataKeys, read_records, validate_config
from alignn_ff.train.datasets import load_records, output_width, records_source, write_records
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.published_data import (
    force_field_entries,
    jarvis_atoms,
    volumes,
    write_force_field_folder,
    write_property_folder,
)

FORCE_FIELD = {"name": "alignn_atomwise", "alignn_layers": 1, "gcn_layers": 1, "hidden_features": 8}
PROPERTY = {**FORCE_FIELD, "calculate_gradient": False, "gradwise_weight": 0.0}


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def loaded(data: Path, model: dict = PROPERTY, **fields: object):
    return load_records(validate_config({"data": str(data), "model": model, **fields}))


@pytest.mark.parametrize("voigt", [False, True])
def test_id_prop_json_holds_ev_per_atom_and_gpa(tmp_path: Path, voigt: bool) -> None:
    frames = copper_frames(3)
    path = write_json(tmp_path / "id_prop.json", force_field_entries(frames, voigt=voigt))
    records = read_records(path)
    assert [record.identifier for record in records] == ["cu-0", "cu-1", "cu-2"]
    for record, frame in zip(records, frames, strict=True):
        assert_allclose(record.atoms.positions, frame.positions, atol=1e-12)
        assert record.energy == pytest.approx(frame.get_potential_energy())
        assert record.target == pytest.approx([frame.get_potential_energy() / 4])
        assert_allclose(record.forces, frame.get_forces())
        assert_allclose(record.stress, frame.get_stress(voigt=False), atol=1e-15)


def test_the_same_data_are_read_alike_from_every_form(tmp_path: Path) -> None:
    frames = copper_frames(4)
    folder = write_force_field_folder(tmp_path / "folder", 4)
    with zipfile.ZipFile(tmp_path / "id_prop.json.zip", "w") as archive:
        archive.write(folder / "id_prop.json", "id_prop.json")
    for suffix in ("db", "json"):
        with ase.db.connect(tmp_path / f"ase.{suffix}") as database:
            for frame in frames:
                database.write(frame, key_value_pairs={"config_type": frame.info["config_type"]})
    ase.io.write(tmp_path / "cu.traj", frames)
    expected = read_records(write_frames(tmp_path / "cu.extxyz", frames))
    for name in ("folder", "id_prop.json.zip", "ase.db", "ase.json", "cu.traj"):
        for record, same in zip(read_records(tmp_path / name), expected, strict=True):
            assert_allclose(record.atoms.positions, same.atoms.positions, atol=1e-7)
            assert record.energy == pytest.approx(same.energy, abs=1e-6)
            assert_allclose(record.forces, same.forces, atol=1e-7)
            assert_allclose(record.stress, same.stress, atol=1e-8)
    assert [r.group for r in read_records(tmp_path / "ase.db")] == [r.group for r in expected]


INDICES = ((":2", [0, 1]), ("-1", [3]), ("0", [0]), ("-2:", [2, 3]), ("::-2", [3, 1]), ("1::2", [1, 3]))


@pytest.mark.config_field("data_index")
@pytest.mark.parametrize(("index", "places"), INDICES)
def test_the_index_chooses_records_in_every_form(tmp_path: Path, index: str, places: list[int]) -> None:
    frames = copper_frames(4)
    write_force_field_folder(tmp_path / "folder", 4)
    with ase.db.connect(tmp_path / "ase.db") as database:
        for frame in frames:
            database.write(frame)
    ase.io.write(tmp_path / "cu.traj", frames)
    write_frames(tmp_path / "cu.extxyz", frames)
    for name in ("folder", "ase.db", "cu.traj", "cu.extxyz"):
        records = loaded(tmp_path / name, FORCE_FIELD, data_index=index)
        whole = loaded(tmp_path / name, FORCE_FIELD)
        assert [record.identifier for record in records] == [whole[place].identifier for place in places], name
        for record, place in zip(records, places, strict=True):
            assert_allclose(record.energy, frames[place].get_potential_energy(), atol=1e-6)
            assert_allclose(record.forces, frames[place].get_forces(), atol=1e-6)
            assert_allclose(record.stress, frames[place].get_stress(voigt=False), atol=1e-8)
    one_by_one = records_source(
        validate_config({"data": f"{tmp_path}/cu.extxyz@{index}", "dataset": "user_data", "model": FORCE_FIELD})
    )
    assert [record.identifier for record in one_by_one] == [f"cu.extxyz:{place}" for place in places]


@pytest.mark.parametrize("name", ["cu.extxyz", "ase.db"])
def test_an_index_without_records_or_given_twice_is_an_error(tmp_path: Path, name: str) -> None:
    write_frames(tmp_path / "cu.extxyz", copper_frames(2))
    write_records(tmp_path / "ase.db", read_records(tmp_path / "cu.extxyz"))
    for index in (7, slice(5, 9), slice(1, 1), slice(0, 0), slice(2, 1)):
        with pytest.raises(DataError, match="holds 2 records, none of which the index chooses"):
            read_records(tmp_path / name, DataKeys(data_index=index))
    with pytest.raises(DataError, match="only one of them"):
        read_records(tmp_path / f"{name}@0", DataKeys(data_index=1))
    with pytest.raises(StructureError, match="every tenth"):
        loaded(tmp_path / name, FORCE_FIELD, data_index="first")


def write_dump(path: Path) -> None:
    """A dump of LAMMPS whose types have no elements, with forces."""
    lines = ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", "2", "ITEM: BOX BOUNDS pp pp pp", *["0.0 5.0"] * 3]
    lines += ["ITEM: ATOMS id type x y z fx fy fz", "1 1 0 0 0 0.1 0 0", "2 2 2.5 2.5 2.5 -0.1 0 0"]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.config_field("data_format", "data_elements")
def test_format_and_elements_of_a_file_can_be_given(tmp_path: Path) -> None:
    write_dump(tmp_path / "forces.txt")
    given = {"data_format": "lammps-dump-text", "data_elements": ["Si", "O"]}
    record = loaded(tmp_path / "forces.txt", FORCE_FIELD, **given)[0]
    assert list(record.atoms.symbols) == ["Si", "O"]
    assert_allclose(record.forces, [[0.1, 0, 0], [-0.1, 0, 0]])
    with pytest.raises(DataError, match="--elements"):
        loaded(tmp_path / "forces.txt", FORCE_FIELD, data_format="lammps-dump-text")
    with pytest.raises(DataError, match="'lammps' is not the name of a format"):
        loaded(tmp_path / "forces.txt", FORCE_FIELD, data_format="lammps")
    folder = write_force_field_folder(tmp_path / "folder", 2)
    with pytest.raises(DataError, match="names its elements"):
        loaded(folder, FORCE_FIELD, data_elements=["Si"])


@pytest.mark.config_field("file_format")
@pytest.mark.parametrize(
    ("suffix", "file_format"), [("vasp", "poscar"), ("cif", "cif"), ("xyz", "xyz"), ("pdb", "pdb")]
)
def test_id_prop_csv_stands_beside_structure_files(tmp_path: Path, suffix: str, file_format: str) -> None:
    folder = write_property_folder(tmp_path, [[v] for v in volumes(3)], suffix=suffix)
    records = read_records(folder)
    assert_allclose([record.target[0] for record in records], volumes(3))
    assert [len(record.atoms) for record in records] == [4, 4, 4]
    assert_allclose([record.atoms.get_volume() / 4 for record in records], volumes(3), rtol=1e-3)
    again = read_records(folder, DataKeys(file_format=file_format))
    assert_allclose(again[0].atoms.positions, records[0].atoms.positions)
    wrong = "cif" if file_format != "cif" else "pdb"
    with pytest.raises(DataError, match="cannot be used"):
        read_records(folder, DataKeys(file_format=wrong))


def test_a_structure_file_without_telling_name_is_a_poscar(tmp_path: Path) -> None:
    write_property_folder(tmp_path, [[1.0]])
    (tmp_path / "POSCAR-0.vasp").rename(tmp_path / "JVASP-1002")
    (tmp_path / "id_prop.csv").write_text("JVASP-1002,0.5\n")
    (record,) = read_records(tmp_path)
    assert (record.identifier, record.target[0], len(record.atoms)) == ("JVASP-1002", 0.5, 4)


def test_several_numbers_a_row_are_a_vector_and_set_the_outputs(tmp_path: Path) -> None:
    folder = write_property_folder(tmp_path, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    records = loaded(folder)
    assert_allclose(records[1].target, [4, 5, 6])
    config = validate_config({"data": str(folder), "model": PROPERTY})
    assert output_width(config, records) == 3
    two = validate_config({"data": str(folder), "model": {**PROPERTY, "output_features": 2}})
    with pytest.raises(ConfigError, match="has 3 numbers"):
        output_width(two, records)


@pytest.mark.config_field("target", "id_tag")
def test_a_header_of_id_prop_csv_lets_target_and_identifier_be_chosen(tmp_path: Path) -> None:
    write_property_folder(tmp_path, [[1.0, 2.0], [3.0, 4.0]])
    rows = (tmp_path / "id_prop.csv").read_text().splitlines()
    (tmp_path / "id_prop.csv").write_text("\n".join(["jid,gap,modulus", *rows]))
    assert [record.target[0] for record in loaded(tmp_path, target="gap")] == [1.0, 3.0]
    assert [record.target[0] for record in loaded(tmp_path, target="modulus")] == [2.0, 4.0]
    with pytest.raises(DataError, match="columns are jid, gap, modulus"):
        loaded(tmp_path, target="bandgap")
    (tmp_path / "id_prop.csv").write_text("\n".join(["gap,modulus,file", "1,2,POSCAR-1.vasp"]))
    (record,) = loaded(tmp_path, target="gap", id_tag="file")
    assert (record.identifier, record.target[0]) == ("POSCAR-1.vasp", 1.0)


@pytest.mark.config_field("target", "id_tag", "forces_key", "stress_key", "atomwise_key", "additional_key")
def test_keys_choose_labels_of_id_prop_json(tmp_path: Path) -> None:
    entries = force_field_entries(copper_frames(2))
    for k, entry in enumerate(entries):
        entry |= {
            "name": f"n{k}",
            "gap": 0.1 * k,
            "spectrum": [1.0, 2.0, k],
            "REF_forces": [[k, 0, 0]] * 4,
            "REF_stress": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "charges": [0.1, 0.2, 0.3, 0.4],
            "atomwise_target": [[1.0, 2.0]] * 4,
            "dos": [5.0, 6.0],
            "additional": [7.0],
        }
    path = write_json(tmp_path / "id_prop.json", entries)
    (_, plain), (_, chosen) = (
        loaded(path, target="gap"),
        loaded(
            path,
            target="spectrum",
            id_tag="name",
            forces_key="REF_forces",
            stress_key="REF_stress",
            atomwise_key="charges",
            additional_key="dos",
        ),
    )
    assert (plain.identifier, plain.target.tolist(), plain.additional.tolist()) == ("cu-1", [0.1], [7.0])
    assert (plain.atomwise.shape, chosen.atomwise.tolist()) == ((4, 2), [[0.1], [0.2], [0.3], [0.4]])
    assert (chosen.identifier, chosen.target.tolist(), chosen.additional.tolist()) == ("n1", [1, 2, 1], [5, 6])
    assert_allclose(chosen.forces, [[1, 0, 0]] * 4)
    assert_allclose(chosen.stress * 160.21766208, [[1, 6, 5], [6, 2, 4], [5, 4, 3]])
    with pytest.raises(DataError, match="no 'bader', which atomwise_key names; there are"):
        loaded(path, target="gap", atomwise_key="bader")
    with pytest.raises(DataError, match=r"no 'bandgap', which is the target; there are .*gap"):
        loaded(path, target="bandgap")


@pytest.mark.config_field("target", "forces_key", "stress_key", "atomwise_key", "additional_key")
def test_keys_choose_labels_of_frames(tmp_path: Path) -> None:
    frames = copper_frames(2)
    for frame in frames:
        frame.info |= {"REF_energy": -1.5, "REF_stress": [1e-3] * 3 + [0.0] * 3, "dos": [1.0, 2.0]}
        frame.arrays["REF_forces"] = np.full((4, 3), 0.5)
        frame.arrays["charges"] = np.arange(4.0)
    path = write_frames(tmp_path / "cu.extxyz", frames)
    usual, chosen = (
        loaded(path, FORCE_FIELD)[0],
        loaded(
            path,
            FORCE_FIELD,
            target="REF_energy",
            forces_key="REF_forces",
            stress_key="REF_stress",
            atomwise_key="charges",
            additional_key="dos",
        )[0],
    )
    assert usual.energy == pytest.approx(frames[0].get_potential_energy(), abs=1e-6)
    assert (usual.atomwise, usual.additional) == (None, None)
    assert chosen.energy == -1.5
    assert_allclose(chosen.forces, 0.5)
    assert_allclose(chosen.stress, 1e-3 * np.eye(3))
    assert (chosen.atomwise.ravel().tolist(), chosen.additional.tolist()) == ([0, 1, 2, 3], [1, 2])


@pytest.mark.config_field("target_multiplication_factor", "classification_threshold")
def test_targets_are_multiplied_before_they_are_made_classes_of(tmp_path: Path) -> None:
    folder = write_property_folder(tmp_path, [[1.0], [2.0], [3.0]])
    assert [record.target[0] for record in loaded(folder, target_multiplication_factor=10.0)] == [10, 20, 30]
    assert [record.target[0] for record in loaded(folder, classification_threshold=2.0)] == [0, 0, 1]
    both = loaded(folder, classification_threshold=2.0, target_multiplication_factor=2.0)
    assert [record.target[0] for record in both] == [0, 1, 1]


def test_the_factor_acts_on_energies_of_force_fields_but_not_on_forces(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "cu.extxyz", copper_frames(1))
    (plain,), (scaled,) = loaded(path, FORCE_FIELD), loaded(path, FORCE_FIELD, target_multiplication_factor=2.0)
    assert scaled.energy == pytest.approx(2 * plain.energy)
    assert_allclose(scaled.forces, plain.forces)


def test_a_property_model_learns_the_energy_per_atom_without_a_target_key(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "cu.extxyz", copper_frames(2))
    (record, _) = loaded(path)
    assert record.target == pytest.approx([record.energy / 4])
    with pytest.raises(DataError, match="'bandgap'"):
        loaded(path, target="bandgap")


def test_molecules_of_a_table_need_no_cell(tmp_path: Path) -> None:
    molecule = molecule_frames(1)[0]
    ase.io.write(tmp_path / "co.xyz", Atoms("CO", positions=molecule.positions), format="xyz")
    (tmp_path / "id_prop.csv").write_text("co.xyz,1.5\n")
    (record,) = read_records(tmp_path)
    assert not record.atoms.pbc.any()
    entry = {"atoms": {**jarvis_atoms(molecule), "pbc": False}, "target": 1.5, "jid": "co"}
    assert not read_records(write_json(tmp_path / "co.json", [entry]))[0].atoms.pbc.any()


# Bad input


def test_nan_labels_are_named_with_their_record(tmp_path: Path) -> None:
    entries = force_field_entries(copper_frames(3))
    entries[1]["forces"][0][0] = float("nan")
    entries[2]["total_energy"] = None
    with pytest.raises(DataError, match=r"2 of 3 records") as caught:
        read_records(write_json(tmp_path / "id_prop.json", entries))
    assert "id_prop.json:1: the label 'forces' holds NaN" in str(caught.value)
    assert "id_prop.json:2: the label 'total_energy'" in str(caught.value)
    write_property_folder(tmp_path / "csv", [[1.0], [float("nan")]])
    with pytest.raises(DataError, match=r"POSCAR-1\.vasp\): the label 'target' holds NaN"):
        read_records(tmp_path / "csv")


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("forces", [[0.0, 0.0, 0.0]] * 3, r"'forces' has shape \(3, 3\), expected \(4, 3\)"),
        ("stresses", [[1.0, 2.0], [3.0, 4.0]], r"'stresses' has shape \(2, 2\)"),
        ("stresses", [[0, 1, 0], [2, 0, 0], [0, 0, 0]], "not symmetric"),
        ("atomwise", [1.0, 2.0], r"'atomwise' has shape \(2, 1\), expected \(4, k\)"),
        ("total_energy", [[1.0]], "a number or a list of numbers"),
        ("total_energy", "low", "not numeric"),
        ("additional", [[1.0], [1.0, 2.0]], "not numeric"),
        ("atoms", {"elements": ["Cu"]}, "lattice_mat"),
        ("atoms", None, "a jarvis structure is needed"),
        ("atoms", {"elements": ["Xx"], "lattice_mat": np.eye(3).tolist(), "coords": [[0, 0, 0]]}, "not an element"),
        ("extra_features", [[1.0]], r"expected \(4, k\)"),
    ],
)
def test_misshapen_entries_are_refused_with_what_is_expected(tmp_path: Path, key: str, value, hint: str) -> None:
    entry = {**force_field_entries(copper_frames(1))[0], key: value}
    with pytest.raises(DataError, match=hint):
        read_records(write_json(tmp_path / "id_prop.json", [entry]))


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("id_prop.json", "[]", "is empty"),
        ("id_prop.json", "{}", "must hold a list"),
        ("id_prop.json", "[{", "not valid JSON"),
        ("id_prop.json.zip", "no zip", "not valid JSON"),
        ("id_prop.csv", "", "is empty"),
        ("id_prop.csv", "POSCAR-0,1.0\n", "no such structure file"),
        ("id_prop.csv", "POSCAR-0\n", "at least one number"),
        ("data.db", "no database", "cannot read"),
    ],
)
def test_empty_and_broken_files_are_one_error(tmp_path: Path, name: str, content: str, hint: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=hint):
        read_records(tmp_path / name)


def test_rows_of_different_lengths_are_named(tmp_path: Path) -> None:
    write_property_folder(tmp_path, [[1.0, 2.0]] * 3)
    (tmp_path / "id_prop.csv").write_text("POSCAR-0.vasp,1,2\nPOSCAR-1.vasp,1\nPOSCAR-2.vasp,1,2,3\n")
    with pytest.raises(DataError, match="2 of 3 records") as caught:
        read_records(tmp_path)
    assert "POSCAR-1.vasp): 2 columns, but the first row has 3" in str(caught.value)
    assert "POSCAR-2.vasp): 4 columns" in str(caught.value)


def test_the_error_of_a_folder_without_data_lists_the_file_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds none of id_prop\.json\.zip, id_prop\.json, id_prop\.csv"):
        read_records(tmp_path)


def test_classes_must_be_classes(tmp_path: Path) -> None:
    folder = write_property_folder(tmp_path, [[0.0], [0.5]])
    with pytest.raises(DataError, match="classes are the numbers 0, 1"):
        loaded(folder, {**PROPERTY, "classification": True})
    vectors = write_property_folder(tmp_path / "v", [[0.0, 1.0]])
    with pytest.raises(ConfigError, match="one number per structure"):
        loaded(vectors, classification_threshold=0.5)


def test_data_without_energy_do_not_make_a_force_field(tmp_path: Path) -> None:
    folder = write_property_folder(tmp_path, [[0.0, 1.0], [2.0, 3.0]])
    with pytest.raises(DataError, match=r"an energy .* is missing for POSCAR-0\.vasp, POSCAR-1\.vasp"):
        loaded(folder, FORCE_FIELD)


# Named data sets


@pytest.fixture
def jarvis(monkeypatch: pytest.MonkeyPatch):
    """A stand-in for jarvis-tools: sets the answer of its download function."""
    module = types.ModuleType("jarvis.db.figshare")
    package, db = types.ModuleType("jarvis"), types.ModuleType("jarvis.db")
    package.db, db.figshare = db, module
    for name, part in (("jarvis", package), ("jarvis.db", db), ("jarvis.db.figshare", module)):
        monkeypatch.setitem(sys.modules, name, part)
    return module


@pytest.mark.config_field("dataset", "data")
def test_a_named_data_set_comes_through_jarvis_tools(tmp_path: Path, jarvis) -> None:
    atoms = jarvis_atoms(copper_frames(1)[0])
    asked = []

    def data(name: str):
        asked.append(name)
        return [{"atoms": atoms, "jid": f"J{k}", "gap": gap} for k, gap in enumerate((0.5, "na", 1.5))]

    jarvis.data = data
    config = {"target": "gap", "model": PROPERTY}
    records = load_records(validate_config({**config, "dataset": "dft_2d"}))
    assert [(record.identifier, record.target[0]) for record in records] == [("J0", 0.5), ("J2", 1.5)]
    load_records(validate_config({**config, "dataset": "jdft_3d-8-18-2021"}))
    load_records(validate_config(config))
    assert asked == ["dft_2d", "dft_3d_2021", "dft_3d"]
    with pytest.raises(DataError, match="has no 'slme'; set target to one of gap, jid"):
        load_records(validate_config({**config, "target": "slme"}))
    assert validate_config({**config, "data": str(tmp_path)}).dataset == "user_data"


def test_a_named_data_set_without_network_or_jarvis_tools_is_a_clear_error(jarvis, monkeypatch) -> None:
    config = validate_config({"dataset": "megnet", "target": "e_form", "model": PROPERTY})

    def offline(_name: str):
        raise ConnectionError("no route to host")

    jarvis.data = offline
    with pytest.raises(DataError, match=r"could not be downloaded: no route to host; is there a network\?"):
        load_records(config)
    monkeypatch.setitem(sys.modules, "jarvis", None)
    monkeypatch.delitem(sys.modules, "jarvis.db")
    monkeypatch.delitem(sys.modules, "jarvis.db.figshare")
    with pytest.raises(ConfigError, match=r"pip install 'alignn-ff\[jarvis\]'"):
        load_records(config)


def test_the_error_of_user_data_without_a_path_shows_how_to_give_one() -> None:
    with pytest.raises(ConfigError, match="--data PATH"):
        load_records(validate_config({"dataset": "user_data"}))


def test_frames_of_a_force_field_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alignn_ff.train.datasets import frames as frames_module
    from alignn_ff.train.datasets import records_source

    path = write_frames(tmp_path / "cu.extxyz", copper_frames(5))
    config = validate_config({"data": str(path), "target_multiplication_factor": 2.0})
    read: list[str] = []
    draft = frames_module._draft
    monkeypatch.setattr(frames_module, "_draft", lambda *given: read.append("one") or draft(*given))
    source = records_source(config)
    assert not read
    assert next(iter(source)).identifier == "cu.extxyz:0"
    assert len(read) == 1
    for _ in range(2):
        for record, same in zip(source, load_records(config), strict=True):
            assert record.identifier == same.identifier
            assert record.energy == same.energy
            np.testing.assert_array_equal(record.forces, same.forces)
    without = copper_frames(2)
    without[1].calc.results.pop("energy")
    without[1].calc.results.clear()
    without[1].info["target"] = [1.0, 2.0]
    lacking = validate_config({"data": str(write_frames(tmp_path / "no.extxyz", without))})
    with pytest.raises(DataError, match=r"an energy .* is missing for no\.extxyz:1"):
        list(records_source(lacking))
