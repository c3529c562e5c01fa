"""Records into files: extended XYZ, id_prop.json, an ASE database; each reads back as the same records."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ase.db
import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.errors import DataError
from alignn_ff.io import atomic_write
from alignn_ff.train.records.record import Record
from alignn_ff.units import GPA_PER_EV_PER_A3

BOX_A: Final = 20.0
"""Å of empty space around a molecule in id_prop.json, where every structure has a cell."""


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write all records in the form that the suffix of ``path`` names, atomically.

    Raises:
        DataError: no such form.
    """
    write = WRITERS.get(path.suffix)
    if write is None:
        raise DataError(f"cannot write records as {path}; allowed suffixes are {', '.join(WRITERS)}")
    with atomic_write(path) as temporary:
        write(temporary, records)


def _write_frames(path: Path, records: Sequence[Record]) -> None:
    ase.io.write(path, [_frame(record) for record in records], format="extxyz")


def _write_database(path: Path, records: Sequence[Record]) -> None:
    path.unlink()  # an empty file is no database
    with ase.db.connect(path, type="db") as database:
        for record in records:
            frame = _frame(record)
            pairs = {"jid": record.identifier, **({"config_type": record.group} if record.group else {})}
            data = _properties(record)
            database.write(frame, key_value_pairs=pairs, data=data)


def _write_id_prop(path: Path, records: Sequence[Record]) -> None:
    path.write_text(json.dumps([_entry(record) for record in records], allow_nan=False), encoding="utf-8")


def _frame(record: Record) -> Atoms:
    """The structure with its labels as ASE holds them."""
    atoms: Atoms = record.atoms.copy()
    stress = None if record.stress is None else record.stress.ravel()[[0, 4, 8, 5, 2, 1]]
    labels = {"energy": record.energy, "forces": record.forces, "stress": stress}
    known = {name: value for name, value in labels.items() if value is not None}
    atoms.calc = SinglePointCalculator(atoms, **known) if known else None
    atoms.info["jid"] = record.identifier
    if record.group:
        atoms.info["config_type"] = record.group
    properties = _properties(record)
    atomwise = properties.pop("atomwise", None)
    if atomwise is not None:
        atoms.arrays["atomwise"] = np.asarray(atomwise)
    atoms.info.update(properties)
    return atoms


def _properties(record: Record) -> dict[str, Any]:
    """Labels beside energy, forces and stress."""
    found: dict[str, Any] = {}
    if record.target is not None and not _is_energy(record):
        found["target"] = float(record.target[0]) if record.target.size == 1 else record.target
    if record.additional is not None:
        found["additional"] = record.additional
    if record.atomwise is not None:
        found["atomwise"] = record.atomwise
    return found


def _is_energy(record: Record) -> bool:
    """Whether the target says what the energy says."""
    if record.energy is None or record.target is None or record.target.size != 1:
        return False
    scales = (1.0, 1.0 / len(record.atoms))
    return any(bool(np.isclose(record.target[0], record.energy * scale, rtol=1e-12)) for scale in scales)


def _entry(record: Record) -> Mapping[str, Any]:
    """An entry of id_prop.json: eV per atom, eV/Å, GPa."""
    atoms = record.atoms
    properties = {name: np.asarray(value).tolist() for name, value in _properties(record).items()}
    entry: dict[str, Any] = {"jid": record.identifier, "atoms": _jarvis(atoms), **properties}
    if record.energy is not None:
        entry["total_energy"] = record.energy / len(atoms)
    if record.forces is not None:
        entry["forces"] = record.forces.tolist()
    if record.stress is not None:
        entry["stresses"] = (record.stress * GPA_PER_EV_PER_A3).tolist()
    if record.group:
        entry["config_type"] = record.group
    if "extra_features" in atoms.arrays:
        entry["extra_features"] = atoms.arrays["extra_features"].tolist()
    return entry


def _jarvis(atoms: Atoms) -> Mapping[str, Any]:
    """A structure as jarvis writes it; along axes that are not periodic the cell is a box, and ``pbc`` says so."""
    boxed = atoms.copy()
    missing = ~np.asarray(atoms.cell.any(axis=1))
    if missing.any():
        extent = np.ptp(atoms.positions, axis=0).max() + BOX_A
        boxed.cell = atoms.cell.complete()
        boxed.cell[missing] *= extent
    return {
        "lattice_mat": boxed.cell.array.tolist(),
        "coords": atoms.positions.tolist(),
        "elements": list(atoms.symbols),
        "abc": boxed.cell.lengths().tolist(),
        "angles": boxed.cell.angles().tolist(),
        "cartesian": True,
        "props": [""] * len(atoms),
        "pbc": atoms.pbc.tolist(),
    }


WRITERS: Final[dict[str, Callable[[Path, Sequence[Record]], None]]] = {
    ".extxyz": _write_frames,
    ".xyz": _write_frames,
    ".json": _write_id_prop,
    ".db": _write_database,
}
"""Suffix → what writes it."""
