"""Frames of extended XYZ, counted here: ASE's reader ends at the first blank line, and at a torn frame without a word.

Blank lines between frames are read over. A frame whose end is missing is an error that names the frame and the line.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.ase_private import extxyz_frame
from alignn_ff.errors import StructureError
from alignn_ff.io.structures.frame import Frame, Labelled, TornEndError
from alignn_ff.io.structures.plain_xyz import plain_frame
from alignn_ff.io.structures.source import Source
from alignn_ff.io.structures.text import in_words, open_text

MOST_VECTORS: Final = 3
MOST_COLUMNS: Final = 1000
STRESS: Final = re.compile(r"""(?:^|\s)"?stress"?=(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|\[([^]]*)\])""")
PROPERTIES: Final = re.compile(r"""Properties\s*=\s*["'{]?([^\s"'}]+)""", re.IGNORECASE)


def xyz_frames(source: Source) -> Iterator[Frame]:
    """Frames of a file, each parsed only when it is wanted.

    Raises:
        StructureError: a frame does not begin with its number of atoms.
        TornEndError: the file ends inside a frame.
    """
    with open_text(source.path) as file:
        index, number, before = 0, 0, list[str]()
        head = file.readline()
        while head:
            number += 1
            if not head.strip():
                head = file.readline()
                continue
            where = f"{source.path}, frame {index} (line {number})"
            n_atoms = _count(head, where)
            lines = list(islice(file, n_atoms + 1))
            _refuse_torn(lines, n_atoms, where, number, before=before)
            vectors, head = _vectors(file)
            first, before = number + 1, lines[1:]
            number += len(lines) + len(vectors)
            lines += vectors
            parser = _Parser(lines, n_atoms, source.path, index, first)
            yield Frame(index, where, parser, parser.labelled)
            index += 1


class _Parser:
    """Parses one frame when it is called."""

    def __init__(self, lines: list[str], n_atoms: int, path: Path, index: int, first_line: int) -> None:
        self._lines, self._n_atoms = lines, n_atoms
        self._path, self._index, self._first_line = path, index, first_line

    def __call__(self) -> Atoms:
        return self.labelled().with_calculator()

    def labelled(self) -> Labelled:
        plain = plain_frame(self._lines, self._n_atoms)
        return plain or Labelled.of(self._as_ase_reads_it(), stress_as_written(self._lines[0]))

    def _as_ase_reads_it(self) -> Atoms:
        lines = [in_words(self._lines[0]), *self._lines[1:]]
        self._refuse_columns(lines)
        try:
            return extxyz_frame(lines, self._n_atoms)
        except Exception as error:  # ASE's parser raises anything on junk
            line, reason = self._first_bad_line(lines, error)
            raise StructureError(f"{self._path}, frame {self._index} is damaged at line {line}: {reason}") from error

    def _refuse_columns(self, lines: Sequence[str]) -> None:
        """Refuse more columns than there are words, for which ASE would make arrays first."""
        found = PROPERTIES.search(lines[0])
        counts = found[1].split(":")[2::3] if found else []
        announced = sum(int(count) for count in counts if count.isdigit())
        there = len(lines[1].split()) if self._n_atoms else MOST_COLUMNS
        if announced > there:
            raise StructureError(
                f"{self._path}, frame {self._index} is damaged at line {self._first_line + 1}: {there} columns, but "
                f"Properties announces {announced}"
            )

    def _first_bad_line(self, lines: Sequence[str], error: Exception) -> tuple[int, str]:
        for place, line in enumerate(lines[1 : self._n_atoms + 1], start=1):
            try:
                extxyz_frame([lines[0], line], 1)
            except Exception as alone:  # noqa: BLE001 - the same parser
                if place == 1 and _fails_without_atoms(lines[0]):
                    return self._first_line, f"the comment line cannot be read ({_in_short(alone)})"
                return self._first_line + place, f"{line.strip()[:60]!r} ({_in_short(alone)})"
        return self._first_line, _in_short(error)


def stress_as_written(comment: str) -> NDArray[np.float64] | None:
    """(9,) stress of a comment line, of which ASE keeps six numbers; None where there is none."""
    found = STRESS.search(comment)
    if found is None:
        return None
    words = next(group for group in found.groups() if group is not None).replace(",", " ").split()
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError:
        return None
    return numbers if numbers.shape == (9,) else None


def _count(head: str, where: str) -> int:
    try:
        n_atoms = int(head)
    except ValueError:
        n_atoms = -1
    if n_atoms < 0:
        raise StructureError(
            f"{where}: expected a number of atoms, but found {head.strip()[:40]!r}; has the frame before as "
            "many atoms as its first line says?"
        )
    return n_atoms


def _refuse_torn(lines: Sequence[str], n_atoms: int, where: str, number: int, *, before: Sequence[str]) -> None:
    if len(lines) < n_atoms + 1:
        there = max(len(lines) - 1, 0)
        raise TornEndError(
            f"{where}: the file ends at line {number + len(lines)}, after {there} of {n_atoms} atoms; the frame is "
            "cut, or its number of atoms is wrong"
        )
    last = lines[-1]
    if n_atoms and not last.endswith("\n") and _is_cut(lines[1:-1] or before, last):
        raise TornEndError(
            f"{where}: the file ends within line {number + len(lines)}, which is shorter than the lines before"
        )


def _is_cut(rows: Sequence[str], last: str) -> bool:
    """Whether the last line of a file without a final newline is shorter than columns of fixed width make it."""
    widths = {len(row.rstrip("\r\n")) for row in rows}
    return len(widths) == 1 and len(last) < widths.pop()


def _vectors(file: TextIO) -> tuple[list[str], str]:
    """Lattice vectors after the atoms, as ADF writes them, and the line after them."""
    found: list[str] = []
    while (line := file.readline()).lstrip().startswith("VEC") and len(found) < MOST_VECTORS:
        found.append(line)
    return found, line


def _fails_without_atoms(comment: str) -> bool:
    try:
        extxyz_frame([comment], 0)
    except Exception:  # noqa: BLE001 - the same parser
        return True
    return False


def _in_short(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{error} is not a chemical symbol or field" if isinstance(error, KeyError) else text or type(error).__name__
