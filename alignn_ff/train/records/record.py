"""Labelled structures, from files of any format.

Labels are eV (total energy of the structure), eV/Å and eV/Å³ with ASE's sign (tension positive).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.formula import Formula
from numpy.typing import NDArray

Array = NDArray[np.float64]
NO_LABELS: Final[Mapping[str, Array]] = {}


class Record(NamedTuple):
    """One labelled structure.

    Attributes:
        identifier: its name in the file, or its position there, "file.extxyz:17".
        atoms: the structure, without calculator.
        energy: eV, total, or None.
        forces: (n_atoms, 3) eV/Å, or None.
        stress: (3, 3) eV/Å³, tension positive, or None.
        group: ``config_type`` of the frame, "" if it has none.
        target: (n_outputs,) property of the structure in the unit of its file, or None.
        atomwise: (n_atoms, k) property of each atom, or None.
        additional: (m,) further property of the structure, or None.
        further: labels of kinds that ``LABELS`` has beside these, (n,) per structure or (n_atoms, n).
    """

    identifier: str
    atoms: Atoms
    energy: float | None
    forces: NDArray[np.float64] | None
    stress: NDArray[np.float64] | None
    group: str
    target: NDArray[np.float64] | None = None
    atomwise: NDArray[np.float64] | None = None
    additional: NDArray[np.float64] | None = None
    further: Mapping[str, Array] = NO_LABELS

    def label(self, kind: str) -> Array | float | None:
        """The label of a kind in ``LABELS``; None where the record has none."""
        label: Array | float | None = self._asdict().get(kind, self.further.get(kind))
        return label


def reduced_formula(record: Record) -> str:
    """Composition with the smallest whole numbers, elements by atomic number."""
    counts = Counter(record.atoms.numbers.tolist())
    return str(Formula.from_dict({chemical_symbols[z]: counts[z] for z in sorted(counts)}).reduce()[0])


def records_digest(records: Iterable[Record]) -> str:
    """SHA-256 over structures and labels, which a resumed run compares."""
    digest = RecordsDigest()
    for record in records:
        digest.add(record)
    return digest.hexdigest()


class RecordsDigest:
    """SHA-256 over structures and labels of records that come one by one."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, record: Record) -> None:
        """Add a record."""
        for array in _arrays(record):
            self._digest.update(np.ascontiguousarray(array).tobytes())

    def hexdigest(self) -> str:
        """Of all records so far."""
        return self._digest.hexdigest()


def _arrays(record: Record) -> Iterator[NDArray[np.generic]]:
    yield record.atoms.numbers
    yield record.atoms.get_positions()
    yield record.atoms.cell.array
    yield record.atoms.pbc
    yield np.array(record.energy)
    yield np.zeros(0) if record.forces is None else record.forces
    for label in (record.stress, record.target, record.atomwise, record.additional):
        yield np.zeros(0) if label is None else label
    for kind in sorted(record.further):
        yield record.further[kind]
