"""The door of structures: all of a file, as ASE reads it, or an error that names file, structure and line."""

import bz2
import gzip
import io
import lzma
import time
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.spacegroup import crystal
from hypothesis import given
from hypothesis import strategies as st

from alignn_ff.errors import StructureError
from alignn_ff.io import Source, choose_structure, iterate_structures, parse_index, read_structure, read_structures
from alignn_ff.io.structures.closeness import ERROR_BELOW, WARNING_BELOW, check_distances, close_pairs
from tests.support.fuzz_kinds import write_dump


def frames(number: int = 3) -> list[Atoms]:
    """Silicon at growing sizes, with forces."""
    made = []
    for k in range(number):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.02, seed=k)
        atoms.set_cell(atoms.cell * (1.0 + 0.01 * k), scale_atoms=True)
        atoms.info["number"] = k
        made.append(atoms)
    return made


def text_of(structures: list[Atoms], format_name: str = "extxyz") -> str:
    text = io.StringIO()
    ase.io.write(text, structures, format=format_name)
    return text.getvalue()


def assert_same(read: list[Atoms], expected: list[Atoms]) -> None:
    assert [atoms.info.get("number") for atoms in read] == [atoms.info.get("number") for atoms in expected]
    for atoms, other in zip(read, expected, strict=True):
        np.testing.assert_allclose(atoms.positions, other.positions, atol=1e-7)
        np.testing.assert_array_equal(atoms.numbers, other.numbers)


DISGUISES: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "blank lines between frames": lambda text: text.replace("\n8\n", "\n\n  \n8\n").encode(),
    "blank lines at both ends": lambda text: b"\n\n" + text.encode() + b"\n \n\n",
    "no final newline": lambda text: text.rstrip("\n").encode(),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "Latin-1": lambda text: text.replace("number=", 'unit="Å" number=').encode("latin-1"),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_every_frame_of_extended_xyz_is_read_however_the_text_is_stored(tmp_path: Path, disguise: str) -> None:
    path = tmp_path / "frames.xyz"
    path.write_bytes(DISGUISES[disguise](text_of(frames())))
    assert_same(read_structures(path), frames())
    assert_same([read_structure(path)], frames()[-1:])
    if disguise == "Latin-1":
        assert read_structure(path).info["unit"] == "Å"


@pytest.mark.parametrize("suffix, pack", [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
@pytest.mark.parametrize("format_name", ["extxyz", "vasp", "cif", "xyz"])
def test_compressed_files_are_read_and_cut_ones_refused(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes], format_name: str
) -> None:
    path = tmp_path / f"a b ü.{format_name}{suffix}"
    atoms = frames(1)
    if format_name == "cif":
        ase.io.write(tmp_path / "plain.cif", atoms)
        content = (tmp_path / "plain.cif").read_bytes()
    else:
        content = text_of(atoms, format_name).encode()
    path.write_bytes(pack(content))
    np.testing.assert_allclose(
        read_structure(path).get_volume() if format_name != "xyz" else 1.0,
        160.1 if format_name != "xyz" else 1.0,
        rtol=0.01,
    )
    path.write_bytes(pack(content)[:-20])
    with pytest.raises(StructureError, match=r"cut|Compressed file ended|damaged|cannot read"):
        read_structures(path)


@pytest.mark.parametrize(
    "harm, message",
    [
        (lambda lines: lines[:-3], "frame 2 .*line 21.*ends at line 27, after 5 of 8 atoms"),
        (lambda lines: [*lines[:-1], lines[-1][:20]], "frame 2 .*ends within line 30"),
        (lambda lines: [*lines[:14], *lines[15:]], "frame 1 is damaged at line 20: '8'"),
        (lambda lines: [*lines[:14], lines[14], *lines[14:]], "frame 1 .*atoms at one place: 2 and 3"),
        (lambda lines: [*lines[:14], "Si 1 2 word\n", *lines[15:]], "frame 1 is damaged at line 15: 'Si 1 2 word'"),
        (lambda lines: [*lines[:14], "Qq 1 2 3\n", *lines[15:]], "frame 1 is damaged at line 15: 'Qq 1 2 3'"),
        (lambda lines: [*lines[:14], "\n", *lines[15:]], "frame 1 is damaged at line 15"),
        (lambda lines: [*lines[:10], "9\n", *lines[11:]], "frame 1 is damaged at line 21"),
        (lambda lines: [*lines[:10], "-8\n", *lines[11:]], "frame 1 .*line 11.*expected a number"),
        (lambda lines: [*lines[:11], 'Lattice="1 2"\n', *lines[12:]], "frame 1 is damaged at line 12: the comment"),
    ],
)
def test_damage_of_extended_xyz_is_named_by_frame_and_line(
    tmp_path: Path, harm: Callable[[list[str]], list[str]], message: str
) -> None:
    path = tmp_path / "frames.extxyz"
    path.write_text("".join(harm(text_of(frames()).splitlines(keepends=True))))
    with pytest.raises(StructureError, match=message):
        read_structures(path)


@pytest.mark.parametrize("word, numbers", [("0", [0]), ("-1", [2]), (":", [0, 1, 2]), ("::2", [0, 2]), ("-2:", [1, 2])])
def test_an_index_chooses_as_in_ase_before_or_after_the_name(tmp_path: Path, word: str, numbers: list[int]) -> None:
    path = tmp_path / "frames.extxyz"
    path.write_text(text_of(frames()))
    for source in (Source.of(path, index=word), Source.of(f"{path}@{word}")):
        assert [atoms.info["number"] for atoms in read_structures(source)] == numbers
    assert_same(
        read_structures(Source.of(path, index=word)),
        ase.io.read(f"{path}@{word if ':' in word else word + ':'}")[: len(numbers)],
    )


@pytest.mark.parametrize("word", ["-2:", "-1", "::-1", "-3:-1", "1:"])
@pytest.mark.parametrize("name", ["frames.traj", "frames.lammpstrj", "frames.xyz.gz"])
def test_an_index_from_the_end_works_in_every_format(tmp_path: Path, name: str, word: str) -> None:
    made = frames()
    if name.endswith("lammpstrj"):
        write_dump(tmp_path / name)
        made = read_structures(tmp_path / name)
    else:
        ase.io.write(tmp_path / name, made, format="traj" if name.endswith("traj") else "extxyz")
    index = parse_index(word)
    expected = made[index] if isinstance(index, slice) else [made[index]]
    assert_same(read_structures(Source.of(tmp_path / name, index=word)), expected)


def test_which_of_several_structures_is_used_is_told(tmp_path: Path) -> None:
    path = tmp_path / "frames.extxyz"
    path.write_text(text_of(frames()))
    chosen = choose_structure(Source.of(path))
    assert (chosen.place, chosen.n_structures) == (2, 3)
    assert "number 2, the last" in str(chosen.sentence)
    assert choose_structure(Source.of(path, index="0")).atoms.info["number"] == 0
    for word, message in {
        "3": "holds 3: the index is 0 to 2",
        "-4": "holds 3",
        ":": "one structure",
        "x": "'x' is not",
    }.items():
        with pytest.raises(StructureError, match=message):
            choose_structure(Source.of(path, index=word))
    with pytest.raises(StructureError, match="only one of them"):
        Source.of(f"{path}@0", index="0")


def test_names_may_hold_at_signs_and_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a@b ü.xyz").write_text(text_of(frames()))
    assert_same([read_structure(Path("~/a@b ü.xyz"))], frames()[-1:])
    assert_same(read_structures(Source.of("~/a@b ü.xyz@0")), frames()[:1])
    with pytest.raises(StructureError, match="is a folder"):
        Source.of(tmp_path)
    with pytest.raises(StructureError, match="no such structure file"):
        Source.of(tmp_path / "missing.xyz@0")


def sites(occupancies: list[float], symbols: list[str], places: list[tuple[float, float, float]]) -> Atoms:
    return crystal(
        symbols, places, occupancies=occupancies, spacegroup=216, cellpar=[5.5] * 3 + [90] * 3, onduplicates="keep"
    )


@pytest.mark.parametrize(
    "atoms, words",
    [
        (sites([0.6, 0.4], ["Si", "Ge"], [(0, 0, 0), (0, 0, 0)]), "Si 0.6 \\+ Ge 0.4"),
        (sites([0.5, 1.0], ["Si", "Ge"], [(0, 0, 0), (0.25, 0.25, 0.25)]), "vacancy 0.5"),
        (sites([0.25, 1.0], ["Si", "Ge"], [(0.02, 0.02, 0.02), (0.25, 0.25, 0.25)]), "Si at 0.020, 0.020, 0.020"),
    ],
)
@pytest.mark.parametrize("name", ["a.cif", "a.extxyz"])
def test_disorder_is_refused_with_its_sites(tmp_path: Path, atoms: Atoms, words: str, name: str) -> None:
    ase.io.write(tmp_path / name, atoms)
    for read in (read_structure, read_structures, lambda path: list(iterate_structures(path))):
        with pytest.raises(StructureError, match=f"{name}.*disordered.*{words}"):
            read(tmp_path / name)


def test_full_occupancies_are_no_disorder(tmp_path: Path) -> None:
    ase.io.write(tmp_path / "full.cif", sites([1.0, 0.9999], ["Si", "Ge"], [(0, 0, 0), (0.25, 0.25, 0.25)]))
    assert len(read_structure(tmp_path / "full.cif")) == 8


@pytest.mark.parametrize("word, allowed", [(".", True), ("?", True), ("word", False), ("0.5(1)", False)])
def test_an_occupancy_may_be_left_open_but_not_be_a_word(tmp_path: Path, word: str, allowed: bool) -> None:
    path = tmp_path / "a.cif"
    ase.io.write(path, bulk("Si", cubic=True))
    path.write_text(path.read_text().replace(" 1.0\n", f" {word}\n").replace(" 1.0000\n", f" {word}\n"))
    assert f" {word}\n" in path.read_text()
    if allowed:
        assert len(read_structure(path)) == 8
    else:
        with pytest.raises(StructureError, match=r"a\.cif"):
            read_structure(path)


def test_coordinates_that_symmetry_multiplies_are_refused_with_advice(tmp_path: Path) -> None:
    atoms = crystal(["Si"], [(0.333, 0.667, 0.063)], spacegroup=194, cellpar=[3.84, 3.84, 6.27, 90, 90, 120])
    ase.io.write(tmp_path / "hex.extxyz", atoms)
    with pytest.raises(StructureError, match="closer than a third"):
        read_structure(tmp_path / "hex.extxyz")
    with pytest.raises(StructureError, match=r"write 1/3 as 0\.333333"):
        check_distances(atoms)


def write_cell(path: Path, scale: float, repeat: int = 1) -> Path:
    atoms = bulk("Si", cubic=True) * (repeat, repeat, repeat)
    atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    ase.io.write(path, atoms, format="vasp")
    return path


@pytest.mark.parametrize("repeat", [1, 10])
@pytest.mark.parametrize("scale", [0.1, 0.01, 1e-4])
def test_an_impossible_density_is_refused_at_once(tmp_path: Path, scale: float, repeat: int) -> None:
    path = write_cell(tmp_path / "dense.vasp", scale, repeat)
    began = time.perf_counter()
    with pytest.raises(StructureError, match=f"{8 * repeat**3:,} atoms in .* Å³"):
        read_structure(path)
    assert time.perf_counter() - began < 5.0
    if scale == 0.1:
        with pytest.raises(StructureError, match="is the cell in nm"):
            read_structure(path)


def pair(symbols: str, ratio: float) -> Atoms:
    """Two atoms at a fraction of the sum of their covalent radii."""
    from ase.data import covalent_radii

    atoms = Atoms(symbols)
    atoms.positions[1, 0] = ratio * covalent_radii[atoms.numbers].sum()
    return atoms


@pytest.mark.parametrize("symbols", ["H2", "Si2", "CsH", "OH", "CsO"])
@pytest.mark.parametrize("place", ["molecule", "across a face", "skewed cell"])
def test_atoms_are_close_by_pair_of_elements(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, symbols: str, place: str
) -> None:
    for ratio, refused, warned in ((0.32, True, False), (0.35, False, True), (0.49, False, True), (0.52, False, False)):
        atoms = pair(symbols, ratio)
        if place != "molecule":
            atoms.set_cell(
                [[9, 0, 0], [0, 9, 0], [0, 0, 9]] if place == "across a face" else [[9, 0, 0], [40, 9, 0], [7, 13, 9]]
            )
            atoms.pbc = True
            atoms.positions += [8.9, 0, 0]
            atoms.wrap()
        ase.io.write(tmp_path / "pair.extxyz", atoms)
        caplog.clear()
        if refused:
            with pytest.raises(StructureError, match=r"0 \(\w+\) and 1 \(\w+\).*--allow-close-atoms"):
                read_structure(tmp_path / "pair.extxyz")
            assert len(read_structure(tmp_path / "pair.extxyz", allow_close_atoms=True)) == 2
            assert "half of a usual bond" in caplog.text
        else:
            read_structure(tmp_path / "pair.extxyz")
            assert ("half of a usual bond" in caplog.text) == warned
        assert len(list(iterate_structures(tmp_path / "pair.extxyz"))) == 1  # labelled data may hold such frames


def test_an_atom_too_close_to_its_own_image_is_named() -> None:
    with pytest.raises(StructureError, match=r"0 .Si. and its own image"):
        check_distances(Atoms("Si", cell=[0.5, 9, 9], pbc=True))


@given(
    cell=st.lists(st.floats(-6, 6), min_size=9, max_size=9),
    places=st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=4),
    pbc=st.tuples(*[st.booleans()] * 3),
)
def test_close_pairs_are_those_of_all_images(
    cell: list[float], places: list[tuple[float, float, float]], pbc: tuple[bool, bool, bool]
) -> None:
    """The closest pair of any cell, compared with a sum over images."""
    vectors = np.array(cell).reshape(3, 3)
    if abs(np.linalg.det(vectors)) < 20.0:
        return
    atoms = Atoms(f"Si{len(places)}", scaled_positions=places, cell=vectors, pbc=pbc)
    reach = 9
    shifts = np.stack(np.meshgrid(*[range(-reach, reach + 1) if p else [0] for p in pbc]), -1).reshape(-1, 3) @ vectors
    apart = atoms.positions[None, :, None] - atoms.positions[:, None, None] + shifts
    own = np.sort(np.linalg.norm(apart, axis=-1).ravel())[len(places) :]  # without each atom itself
    closest = float(own.min(initial=np.inf))
    found = close_pairs(atoms)
    usual = 2.22
    if closest < WARNING_BELOW * usual - 1e-9:
        assert found.distance.min() == pytest.approx(closest, abs=1e-9)
    elif closest > WARNING_BELOW * usual + 1e-9:
        assert len(found.first) == 0


def test_usual_structures_pass_without_a_word() -> None:
    structures = [bulk(name) for name in ("Si", "Cu", "Na", "Fe", "C")] + [bulk("NaCl", "rocksalt", a=5.64)]
    structures += [molecule(name) for name in ("H2", "H2O", "C6H6", "CO2", "LiH")]
    assert [check_distances(atoms) for atoms in structures] == [None] * len(structures)
    assert ERROR_BELOW < WARNING_BELOW < 1


DATA = """LAMMPS

2 atoms
1 atom types

0.0 5.43 xlo xhi
0.0 5.43 ylo yhi
0.0 5.43 zlo zhi

{masses}Atoms # atomic

1 1 0 0 0
2 1 1.36 1.36 1.36
"""


@pytest.mark.parametrize("name", ["si.data", "si.lmp", "lammps.in.txt", "noending"])
def test_data_files_of_lammps_are_found_by_their_header(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(DATA.format(masses="Masses\n\n1 28.085\n\n"))
    assert str(read_structure(path).symbols) == "Si2"
    path.write_text(DATA.format(masses=""))
    with pytest.raises(StructureError, match="--elements Si,O"):
        read_structure(path)
    assert str(read_structure(Source.of(path, elements=("Ge",))).symbols) == "Ge2"
    path.write_text(DATA.format(masses="Masses\n\n1 1.5\n\n"))
    with pytest.raises(StructureError, match=r"mass 1.5 of type 1 is not that of an element"):
        read_structure(path)


def dump(columns: str, rows: list[str], number: int = 3) -> str:
    head = "ITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n" + "0 5.43\n" * 3 + f"ITEM: ATOMS {columns}\n"
    return "".join(f"ITEM: TIMESTEP\n{10 * k}\n{head}" + "\n".join(rows) + "\n" for k in range(number))


def test_a_dump_without_elements_asks_for_them(tmp_path: Path) -> None:
    path = tmp_path / "dump.lammpstrj"
    path.write_text(dump("id type x y z", ["2 2 1.36 1.36 1.36", "1 1 0 0 0"]))
    with pytest.raises(StructureError, match="--elements"):
        read_structures(path)
    read = read_structures(Source.of(path, elements=("Si", "O")))
    assert [str(atoms.symbols) for atoms in read] == ["SiO"] * 3
    with pytest.raises(StructureError, match="types 1 to 1"):
        read_structures(Source.of(path, elements=("Si",)))
    path.write_text(dump("id element x y z", ["2 O 1.36 1.36 1.36", "1 Si 0 0 0"]))
    assert str(read_structure(path).symbols) == "SiO"


def test_a_cut_dump_is_refused_where_ase_reads_fewer_atoms(tmp_path: Path) -> None:
    path = tmp_path / "dump.lammpstrj"
    path.write_text("\n".join(dump("id element x y z", ["2 O 1.36 1.36 1.36", "1 Si 0 0 0"]).splitlines()[:-1]))
    with pytest.raises(StructureError, match=r"frame 2 .line 23.*after 1 of 2 atoms"):
        read_structures(path)


def test_the_format_can_be_given_and_a_wrong_guess_says_so(tmp_path: Path) -> None:
    path = write_cell(tmp_path / "structure.contcar", 1.0)
    assert len(read_structure(path)) == 8
    odd = path.rename(tmp_path / "structure.dat")
    with pytest.raises(StructureError, match="--format"):
        read_structure(odd)
    assert len(read_structure(Source.of(odd, format_name="vasp"))) == 8
    with pytest.raises(StructureError, match="not the name of a format"):
        Source.of(odd, format_name="poscar")


def test_a_number_of_atoms_that_the_file_does_not_hold_takes_no_memory(tmp_path: Path) -> None:
    path = write_cell(tmp_path / "many.vasp", 1.0)
    path.write_text(path.read_text().replace("   8\n", "   8000000000\n"))
    with pytest.raises(StructureError, match="8000000000 atoms, but only"):
        read_structure(path)
