"""The published ``id_prop.json`` and ``id_prop.csv``, and how ``jarvis`` writes a structure.

Units are the published ones: the target that a force field learns is eV *per atom*, forces are eV/Å, stresses GPa,
tension positive. Any other target keeps the unit of its file.
"""

import csv
import json
import logging
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms

from alignn_ff.errors import DataError
from alignn_ff.io import Source, check_atoms, read_structure
from alignn_ff.train.datasets.arrays import of_atoms, vector
from alignn_ff.train.datasets.collecting import Draft, collect, collected
from alignn_ff.train.datasets.keys import DEFAULT_TARGETS, DataKeys
from alignn_ff.train.datasets.label_reader import Convention, LabelReader, Named
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.record import Record
from alignn_ff.units import GPA_PER_EV_PER_A3

log = logging.getLogger(__name__)

ASE_FORMATS: Final[dict[str, str]] = {"poscar": "vasp", "cif": "cif", "xyz": "extxyz", "pdb": "proteindatabank"}
"""Published name of a file format → ASE's."""

PUBLISHED: Final = Convention(
    energy_names=(),
    stress_names=LABELS["stress"].usual_names,
    stress_per_eV_A3=GPA_PER_EV_PER_A3,
    target_is_per_atom=True,
)


def read_id_prop_json(path: Path, keys: DataKeys) -> list[Record]:
    """Records of an ``id_prop.json``, which may be zipped.

    Raises:
        DataError: it cannot be read, or records cannot be used; they are named.
    """
    return records_of(read_entries(path), keys, source=path)


def records_of(
    entries: Sequence[Mapping[str, Any]],
    keys: DataKeys,
    *,
    source: Path | str,
    tell: Callable[[str], None] = log.warning,
) -> list[Record]:
    """Records from the entries of a published data set.

    Args:
        entries, keys: of the data.
        source: the file or data set, for messages.
        tell: called after the last record with each sentence that a user should read.

    Raises:
        DataError: records cannot be used; they are named.
    """
    reader = LabelReader(source, keys, PUBLISHED)
    name = source.name if isinstance(source, Path) else source
    places = [f"{name}:{index}" for index in range(len(entries))]
    parts = [(place, partial(_draft, entry, place, keys, reader)) for place, entry in zip(places, entries, strict=True)]
    return list(collected(source, parts, reader, tell=tell))


def read_entries(path: Path) -> list[Mapping[str, Any]]:
    """The entries of a JSON file of records.

    Raises:
        DataError: it is missing, not JSON, or not a list of objects.
    """
    try:
        text = _json_text(path)
        content = json.loads(text)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise DataError(f"{path} must hold a list of records, each an object with 'atoms' and its labels")
    return content


def read_id_prop_csv(path: Path, keys: DataKeys) -> list[Record]:
    """Records of an ``id_prop.csv``: a structure file and its target, or several, per row.

    A first row that names the columns is allowed; the target and the identifier are then chosen by name.

    Raises:
        DataError: it cannot be read, or records cannot be used; they are named.
    """
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8").splitlines()) if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    columns = _columns(rows[0], path, keys) if rows else None
    body = rows if columns is None else rows[1:]
    width = len(rows[0]) if rows else 0
    chosen = columns or (0, tuple(range(1, width)))
    return collect(
        path,
        [
            (f"{path.name}:{number} ({row[0]})", partial(_row_draft, path.parent, row, width, chosen, keys))
            for number, row in enumerate(body, start=1 if columns is None else 2)
        ],
    )


def atoms_of(content: Mapping[str, Any]) -> Atoms:
    """The structure of a jarvis dictionary: elements, lattice_mat, coords, cartesian; ours also pbc.

    Raises:
        DataError, StructureError: it is incomplete or makes no sense.
    """
    try:
        symbols, cell = [str(s).strip() for s in content["elements"]], np.array(content["lattice_mat"], dtype=float)
        coordinates = np.array(content["coords"], dtype=float).reshape(-1, 3)
        atoms = Atoms(symbols, cell=cell, pbc=content.get("pbc", True), positions=np.zeros_like(coordinates))
    except KeyError as error:
        raise DataError(f"'atoms' is not a jarvis structure: {error} is missing or not an element") from error
    except (TypeError, ValueError) as error:
        raise DataError(f"'atoms' is not a jarvis structure: {error}") from error
    atoms.positions = coordinates if content.get("cartesian", False) else coordinates @ cell
    check_atoms(atoms)
    return atoms


def _draft(entry: Mapping[str, Any], place: str, keys: DataKeys, reader: LabelReader) -> Draft:
    if not isinstance(entry.get("atoms"), Mapping):
        raise DataError("no 'atoms'; a jarvis structure is needed (elements, lattice_mat, coords, cartesian)")
    atoms = atoms_of(entry["atoms"])
    labels = {name: value for name, value in entry.items() if name != "atoms"}
    if "extra_features" in labels:
        atoms.arrays["extra_features"] = of_atoms("extra_features", labels["extra_features"], len(atoms))
    atoms.info.update({name: value for name, value in labels.items() if isinstance(value, str)})
    identifier = str(labels[keys.identifier]) if keys.identifier in labels else None
    return reader.draft(atoms, Named(labels, labels), identifier, place)


def _row_draft(
    folder: Path, row: Sequence[str], width: int, columns: tuple[int, tuple[int, ...]], keys: DataKeys
) -> Draft:
    file_column, target_columns = columns
    if len(row) < 2 or not target_columns:
        raise DataError(f"{len(row)} columns; a structure file and at least one number are needed")
    if len(row) != width:
        raise DataError(f"{len(row)} columns, but the first row has {width}; all need the same")
    file = folder / row[file_column].strip()
    source = Source.of(file, format_name=_ase_format(keys))
    atoms = read_structure(source, format_if_unknown="vasp", allow_close_atoms=True)
    check_atoms(atoms)
    target = vector("target", [_number(row[column]) for column in target_columns])
    return Draft(atoms, row[file_column].strip(), energy=_total_energy(target, len(atoms)), target=target)


def _columns(first: Sequence[str], path: Path, keys: DataKeys) -> tuple[int, tuple[int, ...]] | None:
    """Which columns hold the file and the target, if the first row names them."""
    names = [cell.strip() for cell in first]
    if len(names) < 2 or _is_number(names[1]) or (path.parent / names[0]).is_file():
        return None
    file_column = names.index(keys.identifier) if keys.identifier in names else 0
    others = [column for column in range(len(names)) if column != file_column]
    if keys.target in names:
        return file_column, (names.index(keys.target),)
    if len(others) == 1 and keys.target in DEFAULT_TARGETS:
        return file_column, (others[0],)
    raise DataError(
        f"{path} has no column {keys.target!r}, which is the target; its columns are {', '.join(names)} (--target-key)"
    )


def _total_energy(target: np.ndarray[Any, np.dtype[np.float64]], n_atoms: int) -> float | None:
    """What a force field would learn, eV: the published target of a force field is per atom."""
    return float(target[0]) * n_atoms if target.size == 1 else None


def _json_text(path: Path) -> str:
    if path.suffix != ".zip":
        return path.read_text(encoding="utf-8")
    with zipfile.ZipFile(path) as archive:
        return archive.read("id_prop.json").decode("utf-8")


def _ase_format(keys: DataKeys) -> str | None:
    return None if keys.file_format is None else ASE_FORMATS[keys.file_format]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise DataError(f"the label 'target' is not numeric: {cell.strip()!r}") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
