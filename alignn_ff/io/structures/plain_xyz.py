"""Frames of extended XYZ in the plain form that programs write, ten times faster than ASE's reader of every form.

In: the lines of one frame. Out: what ASE's reader gives, bit for bit; None wherever a line may mean something else to
it (brackets, escapes, unusual names, ragged rows, anything damaged), so that ASE reads such a frame, or refuses it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.data import atomic_numbers
from ase.io.extxyz import REV_PROPERTY_NAME_MAP, SPECIAL_3_3_KEYS, per_config_properties
from numpy.typing import NDArray

from alignn_ff.io.structures.frame import Labelled

ENTRY: Final = re.compile(r"""([A-Za-z_][\w-]*)=(?:"([^"=]*)"|([^\s"='\[\]{}]+))(?:\s+|$)""", re.ASCII)
UNUSUAL: Final = re.compile(r"\\|[^\x20-\x7e\t]")
NUMBERS: Final = re.compile(r"[-+0-9.eE,\s]+")
FRACTION: Final = re.compile(r"[.eE]")
WORD: Final = re.compile(r"[A-Za-z][\w./()^:;%*+-]*|\d[A-Za-z0-9.:/+-]*[A-DF-Za-df-z][A-Za-z0-9.:/+-]*", re.ASCII)
"""A word that no reader of numbers takes for one, but for those below."""
LONGEST_INTEGER: Final = 18
TRUTH: Final = dict.fromkeys(("T", "true", "True", "TRUE"), True) | dict.fromkeys(
    ("F", "false", "False", "FALSE"), False
)
NUMBERS_IN_WORDS: Final = frozenset({"nan", "inf", "infinity"})
TRUTH_OF_COLUMNS: Final = {"T": True, "F": False, "True": True, "False": False}
COUNTS: Final = frozenset(map(str, range(1, 10)))
PLAIN_COLUMNS: Final = "species:S:1:pos:R:3"
OF_ATOMS_AND_MORE: Final = frozenset({"move_mask", "initial_charges"})
"""Columns that ASE makes something else of than arrays."""
SCALARS: Final = frozenset({"energy", "magmom", "free_energy"})
"""Results that ASE does not make arrays of."""

Value = Any
Array = NDArray[Any]


class Column(NamedTuple):
    """A property of each atom: its name in ASE, its first column and the one after its last, its type."""

    name: str
    start: int
    end: int
    kind: str


CONVERTERS: Final[Mapping[str, tuple[Any, Callable[[str], Any]]]] = {
    "R": (np.float64, float),
    "I": (np.int32, int),
    "L": (np.bool_, TRUTH_OF_COLUMNS.__getitem__),
    "S": (object, str),
}


def plain_frame(lines: Sequence[str], n_atoms: int) -> Labelled | None:
    """A frame that is written plainly; None where ASE has to read it.

    Args:
        lines: the comment line and a line per atom.
        n_atoms: of the frame.
    """
    if n_atoms == 0 or len(lines) != n_atoms + 1:
        return None
    info = _entries(lines[0].strip())
    if info is None:
        return None
    columns = _columns(str(info.pop("Properties", PLAIN_COLUMNS)))
    arrays = None if columns is None else _arrays(columns, lines[1:])
    return None if arrays is None else _assembled(info, arrays)


def _entries(comment: str) -> dict[str, Value] | None:
    """Names and values of a comment line, in its order."""
    if UNUSUAL.search(comment) is not None:
        return None
    found: dict[str, Value] = {}
    place = 0
    while place < len(comment):
        entry = ENTRY.match(comment, place)
        if entry is None:
            return None
        name, quoted, bare = entry.groups()
        if name in found or name.lower() == "uid":
            return None
        value = _value(name, bare if quoted is None else quoted)
        if value is None or (name == "stress" and quoted is None):
            return None
        found[name] = value
        place = entry.end()
    if comment.lower().count("properties") != ("Properties" in found):
        return None
    return found


def _value(name: str, text: str) -> Value | None:
    """A value as ASE understands it."""
    if NUMBERS.fullmatch(text) is not None:
        numbers = _numbers(text)
        if numbers is None or name not in SPECIAL_3_3_KEYS:
            return numbers
        return numbers.reshape((3, 3), order="F") if numbers.shape == (9,) else None
    words = text.replace(",", " ").split()
    if not words or name in SPECIAL_3_3_KEYS or (name == "Properties" and len(words) > 1):
        return None
    if name == "Properties":
        return text
    truth = [TRUTH[word] for word in words if word in TRUTH]
    if len(truth) == len(words):
        return truth if len(truth) > 1 else truth[0]
    says = any(WORD.fullmatch(word) is not None and word.lower() not in NUMBERS_IN_WORDS for word in words)
    return text if says and not text.startswith("_JSON ") else None


def _numbers(text: str) -> Any | None:
    """Integers, or numbers: one of them, or an array."""
    words = text.replace(",", " ").split()
    try:
        if FRACTION.search(text) is not None:
            numbers = np.array([float(word) for word in words])
        elif max(map(len, words), default=LONGEST_INTEGER + 1) > LONGEST_INTEGER:
            return None
        else:
            numbers = np.array([int(word) for word in words])
    except ValueError:
        return None
    return numbers[0] if len(numbers) == 1 else numbers


@lru_cache(maxsize=64)
def _columns(text: str) -> tuple[Column, ...] | None:
    """The columns that ``Properties`` announces."""
    fields = text.split(":")
    if len(fields) % 3:
        return None
    found, start = list[Column](), 0
    for name, kind, count in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if not name or name[-1].isdigit() or kind not in CONVERTERS or count not in COUNTS:
            return None
        column = Column(REV_PROPERTY_NAME_MAP.get(name, name), start, start + int(count), kind)
        if column.name in OF_ATOMS_AND_MORE or (kind == "S" and count != "1"):
            return None
        found.append(column)
        start = column.end
    shapes = {column.name: (column.kind, column.end - column.start) for column in found}
    if len(shapes) != len(found) or shapes.get("symbols") != ("S", 1) or shapes.get("positions") != ("R", 3):
        return None
    return None if "numbers" in shapes else tuple(found)


def _arrays(columns: Sequence[Column], rows: Sequence[str]) -> dict[str, Array] | None:
    """The columns of all atoms, with the memory layout that ASE's reader gives them."""
    words = [row.split() for row in rows]
    width = columns[-1].end
    if any(len(row) != width for row in words):
        return None
    by_column = list(zip(*words, strict=True))
    arrays: dict[str, Array] = {}
    try:
        for name, start, end, kind in columns:
            dtype, convert = CONVERTERS[kind]
            if name == "symbols":
                arrays["numbers"] = np.array([atomic_numbers[word.capitalize()] for word in by_column[start]])
                continue
            values = np.array([list(map(convert, words)) for words in by_column[start:end]], dtype=dtype)
            arrays[name] = values[0] if end - start == 1 else values.T
    except (ValueError, KeyError, OverflowError):
        return None
    return arrays


def _assembled(info: dict[str, Value], arrays: dict[str, Array]) -> Labelled | None:
    """The structure, its results and its stress as written."""
    lattice = info.pop("Lattice", None)
    periodic = info.pop("pbc", None if lattice is None else [True, True, True])
    if not (periodic is None or isinstance(periodic, bool) or (isinstance(periodic, list) and len(periodic) == 3)):
        return None
    results: dict[str, Any] = {name: array for name, array in arrays.items() if name in all_properties}
    written = info.get("stress")
    for name in [name for name in info if name in per_config_properties]:
        results[name] = info.pop(name)
    if written is not None:
        results["stress"] = written[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
    try:
        results = {name: value if name in SCALARS else np.array(value, float) for name, value in results.items()}
    except (ValueError, TypeError):
        return None
    atoms = Atoms(
        arrays["numbers"],
        positions=arrays["positions"],
        cell=None if lattice is None else lattice.T,
        pbc=periodic,
        info=info,
    )
    for name, array in arrays.items():
        if name not in ("numbers", "positions") and name not in results:
            atoms.new_array(name, array)
    stress = None if written is None else np.array(written.reshape(9, order="F"), dtype=np.float64)
    return Labelled(atoms, results, stress)
