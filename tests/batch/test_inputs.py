"""Where the structures of a batch come from, and their ids."""

import json
from pathlib import Path

import ase.db
import ase.io
import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff.batch import Given, inputs_of
from alignn_ff.errors import StructureError

DISORDERED = """data_alloy
_cell_length_a 3.6
_cell_length_b 3.6
_cell_length_c 3.6
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cu1 Cu 0 0 0 0.5
Au1 Au 0 0 0 0.5
"""


def read(*names: object, id_key: str | None = None) -> list[Given]:
    return list(inputs_of([str(name) for name in names], id_key=id_key)())


def symbols(given: Given) -> str:
    assert isinstance(given.content, Atoms)
    return str(given.content.symbols)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, symbol in (("b", "Cu"), ("a", "Al"), ("deep/c", "Ag")):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        ase.io.write(tmp_path / f"{place}.cif", bulk(symbol))
    ase.io.write(tmp_path / "POSCAR", bulk("Ni"), format="vasp")
    (tmp_path / "notes.txt").write_text("no structure")
    return tmp_path


def test_a_folder_gives_its_structure_files_sorted(folder: Path) -> None:
    assert [given.identifier for given in read(folder)] == ["POSCAR", "a.cif", "b.cif", "deep/c.cif"]


def test_a_pattern_gives_the_files_that_match(folder: Path) -> None:
    found = read(folder / "*.cif")
    assert [given.identifier for given in found] == [str(folder / "a.cif"), str(folder / "b.cif")]
    assert [symbols(given) for given in read(folder / "POSCAR", folder / "*.cif")] == ["Ni", "Al", "Cu"]


def test_what_cannot_be_read_keeps_its_place(folder: Path) -> None:
    (folder / "alloy.cif").write_text(DISORDERED)
    (folder / "torn.cif").write_text("data_")
    found = {given.identifier: given.content for given in read(folder)}
    assert "disordered" in str(found["alloy.cif"])
    assert isinstance(found["torn.cif"], StructureError)
    assert sum(isinstance(content, Atoms) for content in found.values()) == 4


def test_a_database_names_its_rows(tmp_path: Path) -> None:
    with ase.db.connect(tmp_path / "all.db") as database:
        database.write(bulk("Cu"), jid="JVASP-1")
        database.write(bulk("Al"), jid="JVASP-2")
    found = read(tmp_path / "all.db")
    assert [(given.identifier, symbols(given)) for given in found] == [("JVASP-1", "Cu"), ("JVASP-2", "Al")]
    path = tmp_path / "all.db"
    assert [given.identifier for given in read(path, id_key="place")] == [f"{path}:0", f"{path}:1"]


def test_jarvis_json(tmp_path: Path) -> None:
    atoms = {"elements": ["Si"], "lattice_mat": [[3, 0, 0], [0, 3, 0], [0, 0, 3]], "coords": [[0, 0, 0]]}
    entries = [{"jid": "JVASP-7", "atoms": atoms}, {"jid": "JVASP-8", "atoms": {"elements": ["Si"]}}]
    (tmp_path / "some.json").write_text(json.dumps(entries))
    good, bad = read(tmp_path / "some.json")
    assert (good.identifier, symbols(good)) == ("JVASP-7", "Si")
    assert bad.identifier == "JVASP-8"
    assert isinstance(bad.content, StructureError)


def test_frames_have_the_id_that_the_user_names(tmp_path: Path) -> None:
    frames = [bulk("Cu"), bulk("Al")]
    for number, atoms in enumerate(frames):
        atoms.info["tag"] = f"tag-{number}"
    path = tmp_path / "frames.extxyz"
    ase.io.write(path, frames)
    assert [given.identifier for given in read(path)] == [f"{path}:0", f"{path}:1"]
    assert [given.identifier for given in read(path, id_key="tag")] == ["tag-0", "tag-1"]
    assert [given.identifier for given in read(f"{path}@1")] == [f"{path}@1"]
    with pytest.raises(StructureError, match=r"has no 'label'.*it has tag"):
        read(path, id_key="label")
