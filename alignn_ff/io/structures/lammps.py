"""Files of LAMMPS, which number the types of atoms and may not name their elements."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from alignn_ff.errors import StructureError
from alignn_ff.io.structures.frame import Frame, TornEndError
from alignn_ff.io.structures.source import Source
from alignn_ff.io.structures.text import open_text, whole_text

TIMESTEP: Final = "ITEM: TIMESTEP"

MASS_TO: Final = 0.35
"""Largest difference of a mass from that of its element, amu: rounded masses, but not deuterium or reduced units."""


def dump_frames(source: Source) -> Iterator[Frame]:
    """Frames of a text dump, each parsed only when it is wanted.

    Raises:
        StructureError: the file does not begin with a time step.
    """
    with open_text(source.path) as file:
        chunk: list[str] = []
        index, first = 0, 0
        for number, line in enumerate(file, start=1):
            if line.startswith(TIMESTEP):
                if chunk:
                    yield _dump_frame(source, chunk, index, first, is_last=False)
                    index += 1
                chunk, first = [line], number
            elif chunk:
                chunk.append(line)
            elif line.strip() and not line.startswith("ITEM:"):
                raise StructureError(
                    f"{source.path}, line {number}: expected {TIMESTEP!r}, but found {line.strip()[:40]!r}"
                )
        if chunk:
            yield _dump_frame(source, chunk, index, first, is_last=True)


def _dump_frame(source: Source, chunk: list[str], index: int, first: int, *, is_last: bool) -> Frame:
    where = f"{source.path}, frame {index} (line {first})"
    if is_last:
        _refuse_cut(chunk, where)
    return Frame(index, where, partial(_parse_dump, source, chunk, where))


def _refuse_cut(chunk: Sequence[str], where: str) -> None:
    expected, rows = _rows(chunk)
    if expected is None or len(rows) < expected:
        raise TornEndError(f"{where}: the file ends after {len(rows)} of {expected or 'its'} atoms; the frame is cut")


def _rows(chunk: Sequence[str]) -> tuple[int | None, list[str]]:
    """The number of atoms that a frame announces, and the lines of its atoms."""
    expected: int | None = None
    for place, line in enumerate(chunk):
        if line.startswith("ITEM: NUMBER OF ATOMS") and place + 1 < len(chunk):
            word = chunk[place + 1].strip()
            expected = int(word) if word.isdigit() else None
        if line.startswith("ITEM: ATOMS"):
            return expected, [row for row in chunk[place + 1 :] if row.strip()]
    return expected, []


def _parse_dump(source: Source, chunk: list[str], where: str) -> Atoms:
    expected, rows = _rows(chunk)
    if expected is None or len(rows) != expected:
        raise StructureError(
            f"{where} is damaged: {len(rows)} atoms, but it announces {expected or 'no number of them'}"
        )
    columns = next((line.split()[2:] for line in chunk if line.startswith("ITEM: ATOMS")), [])
    named = {"element", "mass"} & set(columns)
    if not named and not source.elements:
        _ask_for_elements(where, "types of atoms", "element")
    try:
        atoms = ase.io.read(
            io.StringIO("".join(chunk)), index=0, format="lammps-dump-text", specorder=list(source.elements) or None
        )
    except Exception as error:  # ASE's readers raise anything on junk
        raise StructureError(f"{where} is damaged: {_reason(error, source)}") from error
    assert isinstance(atoms, Atoms)
    if not named:
        _check_types(atoms, source, where)
    if atoms.calc is not None:
        atoms.calc.results.pop("energy", None)  # ASE invents one of 0 eV
    return atoms


def data_frames(source: Source) -> Iterator[Frame]:
    """The structure of a data file.

    Raises:
        StructureError: it is damaged, or does not name its elements.
    """
    where = str(source.path)
    yield Frame(0, where, partial(_parse_data, source, where))


def _parse_data(source: Source, where: str) -> Atoms:
    text = whole_text(source.path)
    lines = text.getvalue().splitlines()
    titles = [line.split("#")[0].strip() for line in lines]
    if not source.elements and not {"Masses", "Atom Type Labels"} & set(titles):
        _ask_for_elements(where, "numbers of types, but no Masses", "Masses")
    _check_count(titles, where)
    chosen: dict[str, Any] = {}
    if source.elements:
        chosen["Z_of_type"] = {k: atomic_numbers[symbol] for k, symbol in enumerate(source.elements, start=1)}
    try:
        atoms = ase.io.read(text, format="lammps-data", **chosen)
    except (Exception, StopIteration) as error:  # ASE's readers raise anything on junk
        raise StructureError(f"{where} is damaged: {_reason(error, source)}") from error
    assert isinstance(atoms, Atoms)
    if source.elements:
        _check_types(atoms, source, where)
    elif "Masses" in titles:
        _check_masses(atoms, where)
    return atoms


def _check_count(titles: Sequence[str], where: str) -> None:
    for number, line in enumerate(titles, start=1):
        words = line.split()
        if len(words) == 2 and words[1] == "atoms" and words[0].isdigit():
            if int(words[0]) > len(titles):
                raise StructureError(f"{where}, line {number}: {words[0]} atoms, but the file has {len(titles)} lines")
            return


def _check_types(atoms: Atoms, source: Source, where: str) -> None:
    types = atoms.arrays.get("type")
    if types is None:
        return
    highest = int(np.max(types, initial=0))
    if highest > len(source.elements) or int(np.min(types, initial=1)) < 1:
        there = ", ".join(map(str, sorted(set(types.tolist()))))
        raise StructureError(
            f"{where} has atoms of types {there}, but elements are given for "
            f"types 1 to {len(source.elements)} ({','.join(source.elements)})"
        )


def _check_masses(atoms: Atoms, where: str) -> None:
    difference = np.abs(atoms.get_masses() - atomic_masses[atoms.numbers])
    if (difference > MASS_TO).any() or (atoms.numbers == 0).any():
        worst = int(difference.argmax())
        mass, kind = atoms.get_masses()[worst], int(atoms.arrays["type"][worst])
        raise StructureError(
            f"{where}: the mass {mass:g} of type {kind} is not that of an element; name the elements of types 1, 2, … "
            "with --elements, such as --elements Si,O"
        )


def _ask_for_elements(where: str, what: str, missing: str) -> None:
    raise StructureError(
        f"{where} has {what}, and no {missing!r} that names elements; give those of types 1, 2, … with "
        "--elements, such as --elements Si,O"
    )


def _reason(error: BaseException, source: Source) -> str:
    if isinstance(error, IndexError | KeyError) and source.elements:
        return f"elements are given for types 1 to {len(source.elements)} ({','.join(source.elements)}); more types?"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else "the file ends too early"


def is_data_file(path: Path) -> bool:
    """Whether the header of a file is that of a data file of LAMMPS."""
    with open_text(path) as file:
        head = [line.split("#")[0].split() for line, _ in zip(file, range(60), strict=False)]
    counts = any(len(words) >= 2 and words[0].isdigit() and words[1] == "atoms" for words in head)
    return counts and any(words[-2:] == ["xlo", "xhi"] or words[-1:] == ["avec"] for words in head)
