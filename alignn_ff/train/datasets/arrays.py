"""Labels as arrays: shapes checked, numbers finite, units of the container."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from alignn_ff.errors import DataError
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.record import Record

Array = NDArray[np.float64]

ASYMMETRY: Final = 1e-3
"""Part of its largest component by which a stress label may differ from its transpose."""


def numbers(name: str, value: Any) -> Array:
    """A label of any shape.

    Raises:
        DataError: it is not numeric, ragged, or holds NaN or infinity.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the label {name!r} is not numeric: {_short(value)}") from error
    if not np.isfinite(array).all():
        raise DataError(f"the label {name!r} holds NaN or infinity")
    return array


def scalar(name: str, value: Any) -> float:
    """A label that is one number."""
    return float(shaped(name, value, ()))


def shaped(name: str, value: Any, shape: tuple[int, ...]) -> Array:
    """A label of a known shape.

    Raises:
        DataError: it has another one.
    """
    array = numbers(name, value)
    if array.shape != shape:
        raise DataError(f"the label {name!r} has shape {array.shape}, expected {shape}")
    return array


def vector(name: str, value: Any) -> Array:
    """A label of a structure: a number or a list of numbers, as (n,)."""
    array = np.atleast_1d(numbers(name, value))
    if array.ndim != 1 or array.size == 0:
        raise DataError(f"the label {name!r} has shape {array.shape}; a number or a list of numbers is allowed")
    return array


def of_atoms(name: str, value: Any, n_atoms: int) -> Array:
    """A label of each atom, as (n_atoms, k); one number per atom is allowed."""
    array = numbers(name, value)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) != n_atoms or array.shape[1] == 0:
        raise DataError(f"the label {name!r} has shape {array.shape}, expected ({n_atoms}, k): a row for each atom")
    return array


def stress_tensor(name: str, value: Any) -> Array:
    """(3, 3) symmetric stress, from 3×3, nine numbers, or six in Voigt's order xx, yy, zz, yz, xz, xy.

    Raises:
        DataError: another shape, or a tensor that is not symmetric.
    """
    array = numbers(name, value)
    if array.shape == (6,):
        full: Array = voigt_6_to_full_3x3_stress(array)
        return full
    if array.shape not in ((3, 3), (9,)):
        raise DataError(f"the label {name!r} has shape {array.shape}, expected (3, 3), or (6,) in Voigt's order")
    full = array.reshape(3, 3)
    if np.abs(full - full.T).max() > ASYMMETRY * max(np.abs(full).max(), 1e-6):
        raise DataError(f"the label {name!r} is not symmetric: {full.tolist()}")
    return 0.5 * (full + full.T)


def further_labels(per_structure: Mapping[str, Any], per_atom: Mapping[str, Any], n_atoms: int) -> dict[str, Array]:
    """Labels of kinds that ``LABELS`` has beside the fields of a record, under their usual names.

    Args:
        per_structure, per_atom: name → value, per structure and per atom.
        n_atoms: of the structure.
    """
    found: dict[str, Array] = {}
    for kind, label in LABELS.items():
        holder = per_atom if label.rows == "atom" else per_structure
        name = next((name for name in label.usual_names if name in holder), None)
        if kind not in Record._fields and name is not None:
            value = holder[name]
            found[kind] = of_atoms(name, value, n_atoms) if label.rows == "atom" else vector(name, value)
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
