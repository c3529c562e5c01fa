"""Records as extended XYZ, id_prop.json or an ASE database; each reads back as the same records."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ase.db
import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db.core import str_represents
from ase.io.extxyz import key_val_str_to_dict
from ase.stress import full_3x3_to_voigt_6_stress

from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.record import Record
from alignn_ff.units import GPA_PER_EV_PER_A3

WORDS: Final = ("jid", "config_type")
"""Names of what a frame holds as words, which may look like numbers."""

BOX_A: Final = 20.0
"""Å of empty space around a molecule in id_prop.json, where every structure has a cell."""


def write_frames(path: Path, records: Sequence[Record]) -> None:
    """Write extended XYZ."""
    frames = [_frame(record) for record in records]
    for frame in frames:
        frame.info |= {name: _as_a_word(frame.info[name]) for name in WORDS if name in frame.info}
    ase.io.write(path, frames, format="extxyz")


def write_database(path: Path, records: Sequence[Record]) -> None:
    """Write an ASE database; an empty file that is there is replaced."""
    path.unlink(missing_ok=True)
    with ase.db.connect(path, type="db") as database:
        for record in records:
            frame = _frame(record)
            words = {name: frame.info[name] for name in WORDS if name in frame.info}
            pairs = {name: word for name, word in words.items() if _stays_a_word(word)}
            rest = {name: word for name, word in words.items() if name not in pairs}
            database.write(frame, key_value_pairs=pairs, data={**_properties(record), **rest})


def write_id_prop(path: Path, records: Sequence[Record]) -> None:
    """Write an id_prop.json."""
    path.write_text(json.dumps([_entry(record) for record in records], allow_nan=False), encoding="utf-8")


def _frame(record: Record) -> Atoms:
    """The structure with its labels as ASE holds them."""
    atoms: Atoms = record.atoms.copy()
    stress = None if record.stress is None else full_3x3_to_voigt_6_stress(record.stress)
    labels = {"energy": record.energy, "forces": record.forces, "stress": stress}
    known = {name: value for name, value in labels.items() if value is not None}
    atoms.calc = SinglePointCalculator(atoms, **known) if known else None
    atoms.info["jid"] = record.identifier
    if record.group:
        atoms.info["config_type"] = record.group
    properties = _properties(record)
    for name, value in properties.items():
        holder = atoms.arrays if name in _names_per_atom() else atoms.info
        holder[name] = value
    return atoms


def _stays_a_word(word: str) -> bool:
    """Whether ASE reads a word as it was written, and not as a number or a truth value."""
    return str(key_val_str_to_dict(f"word={{{word}}}").get("word")) == word and not any(
        str_represents(word, kind) for kind in (bool, int, float)
    )


def _as_a_word(word: str) -> str:
    """How extended XYZ holds a word that looks like a number."""
    return word if _stays_a_word(word) else f"_JSON {json.dumps(word)}"


def _properties(record: Record) -> dict[str, Any]:
    """Labels beside energy, forces and stress."""
    found: dict[str, Any] = {}
    if record.target is not None and not _is_energy(record):
        found["target"] = float(record.target[0]) if record.target.size == 1 else record.target
    if record.additional is not None:
        found["additional"] = record.additional
    if record.atomwise is not None:
        found["atomwise"] = record.atomwise
    return found | {LABELS[kind].usual_names[0]: label for kind, label in record.further.items()}


def _names_per_atom() -> set[str]:
    return {name for label in LABELS.values() if label.rows == "atom" for name in label.usual_names}


def _is_energy(record: Record) -> bool:
    """Whether the target is the energy, in total or per atom."""
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
    """A structure as jarvis writes it; along axes that are not periodic the cell is a box, and ``pbc`` is false."""
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
