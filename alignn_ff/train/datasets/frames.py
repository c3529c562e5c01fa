"""Records from structures as ASE reads them: extended XYZ, trajectories, outputs of DFT codes, ASE databases.

Units are ASE's: total energies in eV, forces in eV/Å, stresses in eV/Å³, tension positive.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import ase.db
from ase.db.row import AtomsRow

from alignn_ff.errors import DataError, StructureError
from alignn_ff.io import Labelled, Source, check_atoms, select, unread_labels
from alignn_ff.train.datasets.collecting import Draft, collect, collected, none_chosen
from alignn_ff.train.datasets.keys import DataKeys
from alignn_ff.train.datasets.label_reader import Convention, LabelReader, Named
from alignn_ff.train.records.record import Record

log = logging.getLogger(__name__)

OF_ASE: Final = Convention(
    energy_names=("energy",), stress_names=("stress",), stress_per_eV_A3=1.0, target_is_per_atom=False
)


def read_frames(path: Path, keys: DataKeys) -> list[Record]:
    """Records of any file that ASE reads.

    Raises:
        DataError: the file cannot be read, or records cannot be used; they are named.
    """
    return list(iterate_frames(path, keys))


def iterate_frames(path: Path, keys: DataKeys, *, tell: Callable[[str], None] = log.warning) -> Iterator[Record]:
    """As :func:`read_frames`, one by one; problems of some are raised after the last.

    Args:
        path, keys: of the data.
        tell: called after the last record with each sentence that a user should read.
    """
    reader = LabelReader(path, keys, OF_ASE)
    parts = (
        (f"{path.name}:{place}", partial(_draft, found, f"{path.name}:{place}", keys, reader))
        for place, found in _frames(path, keys)
    )
    yield from collected(path, parts, reader, tell=tell)


def _frames(path: Path, keys: DataKeys) -> Iterator[tuple[int, Labelled]]:
    """Of each chosen frame its place in the file, its structure and its results."""
    source = Source(path, format=keys.data_format, elements=keys.data_elements)
    frames, n_chosen = enumerate(unread_labels(source)), 0
    try:
        for place, read in frames if keys.data_index is None else select(frames, keys.data_index):
            n_chosen += 1
            yield place, read()
        if not n_chosen and keys.data_index is not None and (n_records := sum(1 for _ in unread_labels(source))):
            raise DataError(none_chosen(path, n_records))
    except StructureError as error:
        raise DataError(f"cannot read training data: {error}") from error


def read_database(path: Path, keys: DataKeys) -> list[Record]:
    """Records of an ASE database: results of its calculators, key-value pairs and data of its rows.

    Raises:
        DataError: it cannot be read, or records cannot be used; they are named.
    """
    try:
        with ase.db.connect(path, append=True) as database:
            rows = list(database.select())
    except (sqlite3.DatabaseError, KeyError, ValueError) as error:
        raise DataError(f"cannot read {path} as an ASE database: {type(error).__name__}: {error}") from error
    reader = LabelReader(path, keys, OF_ASE)
    parts = [(f"{path.name}:{row.id}", partial(_row_draft, row, f"{path.name}:{row.id}", keys, reader)) for row in rows]
    return collect(path, parts, reader)


def _row_draft(row: AtomsRow, place: str, keys: DataKeys, reader: LabelReader) -> Draft:
    atoms = row.toatoms()
    atoms.info.update({**row.key_value_pairs, **row.data})
    return _draft(Labelled.of(atoms), place, keys, reader)


def _draft(found: Labelled, place: str, keys: DataKeys, reader: LabelReader) -> Draft:
    """The labels of a structure; the stress as it is written takes the place of that in its results."""
    atoms = found.atoms
    check_atoms(atoms)
    info, arrays = dict(atoms.info), dict(atoms.arrays)
    results = dict(found.results)  # where ASE's readers put charges, dipoles, …
    results |= {} if found.stress is None else {"stress": found.stress}
    known = {name: value for name, value in results.items() if value is not None}
    named = Named(of_structure={**arrays, **info, **known}, of_atoms={**info, **arrays, **known})
    identifier = str(info[keys.identifier]) if keys.identifier in info else None
    return reader.draft(atoms if atoms.calc is None else atoms.copy(), named, identifier, place)  # without calculator
