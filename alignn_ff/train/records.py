"""Labelled structures: read from extended XYZ, checked record by record.

Labels are eV (total energy of the frame), eV/Å and eV/Å³ with ASE's sign, as ASE reads them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import NDArray

from alignn_ff.errors import DataError, StructureError
from alignn_ff.graph import check_atoms
from alignn_ff.io import read_structures


class Record(NamedTuple):
    """One labelled structure.

    Attributes:
        identifier: position in the file, "file.extxyz:17".
        atoms: the structure, without calculator.
        energy: eV, total, or None.
        forces: (n_atoms, 3) eV/Å, or None.
        stress: (3, 3) eV/Å³, tension positive, or None.
        group: ``config_type`` of the frame, "" if it has none.
        target: (n_outputs,) property of the structure in the unit of its file, or None.
        atomwise: (n_atoms, k) property of each atom, or None.
        additional: (m,) further property of the structure, or None.
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


def read_records(path: Path) -> list[Record]:
    """All labelled structures of an extended XYZ file.

    Raises:
        DataError: the file is missing or unreadable, or records have missing, non-finite or misshapen
            labels; the records are named.
    """
    try:
        frames = read_structures(path)
    except StructureError as error:
        raise DataError(f"cannot read training data: {error}") from error
    records: list[Record] = []
    problems: list[str] = []
    for index, atoms in enumerate(frames):
        identifier = f"{path.name}:{index}"
        try:
            records.append(_record(identifier, atoms))
        except (DataError, StructureError) as error:
            problems.append(f"  - {identifier}: {error}")
    if problems:
        shown = "\n".join(problems[:10]) + (f"\n  … {len(problems) - 10} more" if len(problems) > 10 else "")
        raise DataError(f"{len(problems)} of {len(frames)} records of {path} cannot be used:\n{shown}")
    return records


def records_digest(records: Sequence[Record]) -> str:
    """SHA-256 over structures and labels, so that a resumed run can tell that its data are the same."""
    digest = hashlib.sha256()
    for record in records:
        for array in _arrays(record):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _arrays(record: Record) -> Iterator[NDArray[np.generic]]:
    yield record.atoms.numbers
    yield record.atoms.get_positions()
    yield record.atoms.cell.array
    yield record.atoms.pbc
    yield np.array(record.energy)
    yield np.zeros(0) if record.forces is None else record.forces
    for label in (record.stress, record.target, record.atomwise, record.additional):
        yield np.zeros(0) if label is None else label


def _record(identifier: str, atoms: Atoms) -> Record:
    check_atoms(atoms)
    if atoms.calc is None:
        raise DataError("no labels; an energy is needed (energy=… in the comment line, eV)")
    energy = _label(atoms, "energy", ())
    if energy is None:
        raise DataError("no energy; energy=… in the comment line (eV) is needed")
    forces = _label(atoms, "forces", (len(atoms), 3))
    voigt = _label(atoms, "stress", (6,))
    bare = atoms.copy()
    return Record(
        identifier=identifier,
        atoms=bare,
        energy=float(energy),
        forces=forces,
        stress=None if voigt is None else voigt[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3),
        group=str(atoms.info.get("config_type", "")),
    )


def _label(atoms: Atoms, name: str, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    try:
        value = np.asarray(atoms.calc.get_property(name, atoms, allow_calculation=False), dtype=np.float64)
    except PropertyNotImplementedError:
        return None
    except (TypeError, ValueError) as error:
        raise DataError(f"the label {name!r} is not numeric: {error}") from error
    if atoms.calc.results.get(name) is None:
        return None
    if value.shape != shape:
        raise DataError(f"the label {name!r} has shape {value.shape}, expected {shape}")
    if not np.isfinite(value).all():
        raise DataError(f"the label {name!r} holds NaN or infinity")
    return value
