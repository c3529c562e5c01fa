"""Born effective charges and the dielectric tensor, from a BORN file of phonopy or from JSON."""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import DataError

Array = NDArray[np.float64]

LARGEST_SUM: Final = 0.1
"""e, largest component of the sum of charges over the cell that is taken for rounding."""


class Charges(NamedTuple):
    """What a non-analytical term needs.

    Attributes:
        born: (n_atoms, 3, 3) e, of the primitive cell.
        dielectric: (3, 3) relative, at high frequency.
    """

    born: Array
    dielectric: Array


def read_charges(path: Path, primitive: Atoms, parse_born: Any) -> Charges:
    """Charges of a primitive cell.

    Args:
        path: of the file.
        primitive: the cell whose atoms they belong to, in order.
        parse_born: reads a BORN file for this cell, given its text.

    Raises:
        DataError: the file cannot be read, has another number of atoms, or charges that do not add up to zero.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the Born charges in {path}: {error}") from error
    try:
        if path.suffix == ".json" or text.lstrip().startswith("{"):
            content = json.loads(text)
            born, dielectric = np.array(content["born"], dtype=float), np.array(content["dielectric"], dtype=float)
        else:
            born, dielectric = parse_born(text)
    except KeyError as error:
        raise DataError(f"{path} lacks {error}; it needs 'born' (n_atoms × 3 × 3) and 'dielectric' (3 × 3)") from error
    except Exception as error:  # phonopy's parser raises anything on a file of another cell
        raise DataError(
            f"cannot read the Born charges in {path}: {error}. A BORN file holds a line of units, the dielectric "
            f"tensor, and the charges of the independent atoms of this primitive cell ({len(primitive)} atoms)"
        ) from error
    return checked(Charges(born, dielectric), primitive, path)


def checked(charges: Charges, primitive: Atoms, path: Path) -> Charges:
    """Charges whose shape fits and whose sum is zero; a small sum is spread over the atoms.

    Raises:
        DataError: they do not.
    """
    n_atoms = len(primitive)
    if charges.born.shape != (n_atoms, 3, 3) or charges.dielectric.shape != (3, 3):
        raise DataError(
            f"{path} has charges of shape {charges.born.shape} and a dielectric tensor of shape "
            f"{charges.dielectric.shape}; the primitive cell ({primitive.get_chemical_formula()}) needs "
            f"({n_atoms}, 3, 3) and (3, 3)"
        )
    if not (np.isfinite(charges.born).all() and np.isfinite(charges.dielectric).all()):
        raise DataError(f"{path} holds numbers that are not finite")
    if np.linalg.eigvalsh(0.5 * (charges.dielectric + charges.dielectric.T)).min() < 1.0 - 1e-6:
        raise DataError(
            f"the dielectric tensor in {path} has an eigenvalue below 1, that of vacuum; are axes or units off?"
        )
    total = charges.born.sum(axis=0)
    if np.abs(total).max() > LARGEST_SUM:
        raise DataError(
            f"the Born charges in {path} add up to {np.abs(total).max():.2f} e per cell instead of 0: are they in the "
            "order of the atoms of this primitive cell?"
        )
    return Charges(charges.born - total / n_atoms, charges.dielectric)
