"""The quick reader of extended XYZ gives what ASE's reader gives, bit for bit, or leaves the frame to it."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alignn_ff.ase_private import extxyz_frame
from alignn_ff.errors import StructureError
from alignn_ff.io import Source, iterate_structures, unread_labels
from alignn_ff.io.structures.extxyz import stress_as_written
from alignn_ff.io.structures.frame import Labelled
from alignn_ff.io.structures.plain_xyz import plain_frame
from alignn_ff.train import read_records
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames

CELL = 'Lattice="5.1 0.0 0.1 0.2 5.3 0.0 0.0 -1e-1 5.4"'
COLUMNS = "Properties=species:S:1:pos:R:3"
ROWS = ["Si 0.0 0.1 -0.25\n", "O  1.0000000000000002 2 3e0\n"]


def assert_identical(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(found, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tolist() == expected.tolist() if found.dtype == object else found.tobytes() == expected.tobytes()
    else:
        assert found == expected


def assert_same_atoms(found: Atoms, expected: Atoms) -> None:
    assert_identical(found.cell.array, expected.cell.array)
    assert_identical(found.pbc, expected.pbc)
    holders = [(found.info, expected.info), (found.arrays, expected.arrays)]
    assert (found.calc is None) == (expected.calc is None)
    if expected.calc is not None:
        holders.append((found.calc.results, expected.calc.results))
    for one, other in holders:
        assert list(one) == list(other)
        for name in other:
            assert_identical(one[name], other[name])


def quick(lines: list[str]) -> Labelled | None:
    """A frame as the quick reader gives it, compared with ASE's reader."""
    found = plain_frame(lines, len(lines) - 1)
    if found is not None:
        written = stress_as_written(lines[0])
        assert (found.stress is None) == (written is None)
        if written is not None:
            assert_identical(found.stress, written)
        assert_same_atoms(found.with_calculator(), extxyz_frame(lines, len(lines) - 1))
    return found


USUAL = {
    "quantum espresso": f'{CELL} {COLUMNS} energy=-1.5 stress="1 2 3 2 5 6 3 6 9" pbc="T F T"',
    "no cell": f"{COLUMNS} energy=3 config_type=dimer",
    "no columns": 'Time=0.5 flag=T flags="T F" note="Snapshot 1 of 32: [\'vac\'], 300 K" id=mp-1080834-0-1 n=12-ab',
    "virial": f'{CELL} virial="1 2 3 4 5 6 7 8 9" dipole="0.1 0.2 0.3" number=0007 list="1,2, 3" many="1 2.5"',
}


@pytest.mark.parametrize("comment", USUAL.values(), ids=USUAL)
def test_frames_as_programs_write_them_are_read_quickly(comment: str) -> None:
    assert quick([comment + "\n", *ROWS]) is not None


@pytest.mark.parametrize(
    "columns",
    ["forces:R:3", "forces:R:3:charges:R:1:tags:I:1:fixed:L:1:site:S:1", "momenta:R:3:initial_magmoms:R:1", "Z:I:1"],
)
def test_columns_have_the_types_that_ase_gives_them(columns: str) -> None:
    values = {"R": "0.1", "I": "-7", "L": "T", "S": "a1"}
    fields = columns.split(":")
    more = " ".join(values[kind] for kind, n in zip(fields[1::3], fields[2::3], strict=True) for _ in range(int(n)))
    found = quick([f"{CELL} {COLUMNS}:{columns}\n", *(row.strip() + f" {more}\n" for row in ROWS)])
    assert (found is None) == (columns == "Z:I:1")


NUMBERS = ["1", "-2.5", "1e5", "1_0", "0x1A", "nan", "inf", "e5", "5e", "1j", ","]
WORDS = st.sampled_from([*NUMBERS, "T", "False", "true", "a", "12ab", "_JSON", "'x'"])
NAMES = st.sampled_from(["energy", "stress", "virial", "pbc", "Lattice", "note", "uid", "dipole", "a_1", "9b"])
SPREADS = st.sampled_from(
    ["{}={}", '{}="{}"', "{}='{}'", "{}={{{}}}", "{}=[{}]", "{} = {}", "{}", '"{}"={}', "{}\\={}"]
)
ENTRIES = st.builds(
    lambda spread, name, words: spread.format(name, " ".join(words)), SPREADS, NAMES, st.lists(WORDS, max_size=9)
)
COMMENTS = st.lists(ENTRIES | st.just(CELL) | st.just(COLUMNS) | st.text(max_size=6), max_size=5).map(" ".join)
CELLS = WORDS | st.text(alphabet="0123456789.-+eE_,Si", min_size=1, max_size=8)
ROW = st.tuples(st.sampled_from(["Si", "o", "X", "XX", "H1"]), CELLS, CELLS, CELLS)


@settings(max_examples=400, deadline=None)
@given(COMMENTS, st.lists(ROW, min_size=1, max_size=3))
@example('stress=1,2,3,4,5,6,7,8,9 note="x stress=[1 2 3 4 5 6 7 8 9]"', [("Si", "0", "0", "0")])
@example('Properties=species:S:1:pos:R:3 xproperties="a:R:5"', [("Si", "0", "0", "0")])
def test_whatever_is_read_quickly_is_what_ase_reads(comment: str, rows: list[tuple[str, ...]]) -> None:
    lines = [comment.replace("\n", " ").replace("\r", " "), *(" ".join(row) + "\n" for row in rows)]
    quick(lines)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.sampled_from(" =\"'0.:eT{\n"))
def test_a_damaged_file_is_read_or_refused_as_ase_would(place: int, letter: str) -> None:
    text = f"2\n{USUAL['quantum espresso']}\n" + "".join(ROWS)
    place %= len(text)
    head, *lines = (text[:place] + letter + text[place + 1 :]).splitlines(keepends=True)
    if head.strip() == "2" and len(lines) == 3:
        quick(lines)


def test_records_are_the_same_by_both_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_frames(tmp_path / "mixed.extxyz", [*copper_frames(3), *molecule_frames(2)])
    by_us = read_records(path)
    monkeypatch.setattr("alignn_ff.io.structures.extxyz.plain_frame", lambda lines, n_atoms: None)
    for one, other in zip(by_us, read_records(path), strict=True):
        assert_same_atoms(one.atoms, other.atoms)
        for name in ("identifier", "energy", "forces", "stress", "group", "target", "atomwise", "additional"):
            assert_identical(getattr(one, name), getattr(other, name))


def test_a_stress_has_its_nine_numbers_in_compressed_files_too(tmp_path: Path) -> None:
    text = f'1\n{CELL} {COLUMNS} energy=1 stress="1 2 3 0 5 6 3 6 9"\nSi 0 0 0\n'
    with gzip.open(tmp_path / "a.extxyz.gz", "wt") as file:
        file.write(text)
    (found,) = [read() for read in unread_labels(Source(tmp_path / "a.extxyz.gz"))]
    assert found.stress is not None
    assert found.stress.tolist() == [1, 2, 3, 0, 5, 6, 3, 6, 9]


def test_an_error_names_the_line_as_before(tmp_path: Path) -> None:
    (tmp_path / "a.extxyz").write_text(f"2\n{CELL} {COLUMNS}\n{ROWS[0]}O 1 2 x\n")
    with pytest.raises(StructureError, match=r"frame 0 is damaged at line 4: 'O 1 2 x'"):
        list(iterate_structures(tmp_path / "a.extxyz"))
