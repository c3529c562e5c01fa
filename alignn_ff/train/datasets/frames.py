"""Records from structures as ASE reads them: extended XYZ, trajectories, outputs of DFT codes, ASE databases.

Units are ASE's: total energies in eV, forces in eV/Å, stresses in eV/Å³, tension positive.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import ase.db
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.db.row import AtomsRow

from alignn_ff.errors import DataError, StructureError
from alignn_ff.graph import check_atoms
from alignn_ff.io import iterate_structures
from alignn_ff.train.datasets.arrays import Array, further_labels, of_atoms, scalar, shaped, stress_tensor, vector
from alignn_ff.train.datasets.collecting import Draft, collect, collected
from alignn_ff.train.datasets.keys import DEFAULT_TARGETS, DataKeys, label_key, target_key
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.record import Record

STRUCTURAL: Final = frozenset({"numbers", "positions", "momenta", "tags", "masses", "initial_magmoms"})
"""Arrays of atoms that are not labels."""


def read_frames(path: Path, keys: DataKeys) -> list[Record]:
    """Records of any file that ASE reads.

    Raises:
        DataError: the file cannot be read, or records cannot be used; they are named.
    """
    return list(iterate_frames(path, keys))


def iterate_frames(path: Path, keys: DataKeys) -> Iterator[Record]:
    """As :func:`read_frames`, one by one; problems of some are raised after the last."""
    parts = ((f"{path.name}:{index}", partial(_draft, atoms, keys)) for index, atoms in enumerate(_frames(path)))
    yield from collected(path, parts)


def _frames(path: Path) -> Iterator[Atoms]:
    try:
        yield from iterate_structures(path)
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
    return collect(path, [(f"{path.name}:{row.id}", partial(_row_draft, row, keys)) for row in rows])


def _row_draft(row: AtomsRow, keys: DataKeys) -> Draft:
    atoms = row.toatoms()
    atoms.info.update({**row.key_value_pairs, **row.data})
    return _draft(atoms, keys)


def _draft(atoms: Atoms, keys: DataKeys) -> Draft:
    check_atoms(atoms)
    info: Mapping[str, Any] = atoms.info
    results = {} if atoms.calc is None else atoms.calc.results  # where ASE's readers put charges, dipoles, …
    of_each_atom = {**_rows_of_atoms(info), **atoms.arrays, **results}
    of_structure = {**info, **results}
    target, energy = _target(info, keys), _energy(atoms, keys)
    if energy is None and target is None:
        raise DataError(
            "no labels; an energy is needed (energy=… in the comment line, eV, total), or the target that is learned"
        )
    forces = _label(atoms, keys, "forces", of_each_atom)
    stress = _label(atoms, keys, "stress", of_structure)
    atomwise = label_key(keys, "atomwise", of_each_atom.keys() - STRUCTURAL)
    additional = label_key(keys, "additional", of_structure)
    return Draft(
        atoms=atoms.copy(),  # without its calculator
        identifier=str(info[keys.identifier]) if keys.identifier in info else None,
        energy=energy,
        forces=None if forces is None else shaped("forces", forces, (len(atoms), 3)),
        stress=None if stress is None else stress_tensor("stress", stress),
        group=str(info.get("config_type", "")),
        target=target,
        atomwise=None if atomwise is None else of_atoms(atomwise, of_each_atom[atomwise], len(atoms)),
        additional=None if additional is None else vector(additional, of_structure[additional]),
        further=further_labels(of_structure, of_each_atom, len(atoms)),
    )


def _rows_of_atoms(info: Mapping[str, Any]) -> dict[str, Any]:
    """Labels per atom that a database holds among the data of a row."""
    names = [name for label in LABELS.values() if label.rows == "atom" for name in label.usual_names]
    return {name: info[name] for name in names if name in info}


def _target(info: Mapping[str, Any], keys: DataKeys) -> Array | None:
    """The property that the frame holds, other than the energy of its calculator."""
    if keys.target == "energy" or not (
        keys.target in info or info.keys() & LABELS["target"].usual_names or _is_chosen(keys)
    ):
        return None
    name = target_key(keys, info)
    return None if name is None else vector(name, info[name])


def _energy(atoms: Atoms, keys: DataKeys) -> float | None:
    """Total energy: the target that the keys name, or the energy of the calculator, or any target of one number."""
    target = _target(atoms.info, keys)
    from_target = None if target is None or target.size != 1 else float(target[0])
    energy = _result(atoms, "energy")
    if energy is None or (from_target is not None and _is_chosen(keys)):
        return from_target
    return scalar("energy", energy)


def _is_chosen(keys: DataKeys) -> bool:
    return keys.target not in {*DEFAULT_TARGETS, *LABELS["target"].usual_names, "energy"}


def _label(atoms: Atoms, keys: DataKeys, kind: str, holder: Mapping[str, Any]) -> Any:
    """The label under the name that the keys give, or the result of the calculator."""
    given: str | None = getattr(keys, kind)
    if given is None or given == kind:
        return _result(atoms, kind)
    label_key(keys, kind, set(holder) - STRUCTURAL)
    return holder[given]


def _result(atoms: Atoms, name: str) -> Any:
    if atoms.calc is None or atoms.calc.results.get(name) is None:
        return None
    try:
        return atoms.calc.get_property(name, atoms, allow_calculation=False)
    except PropertyNotImplementedError:
        return None
