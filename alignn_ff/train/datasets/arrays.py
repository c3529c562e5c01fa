"""Labels as arrays: shapes checked, numbers finite, units of the container."""

from typing import Any, Final

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from alignn_ff.errors import DataError

Array = NDArray[np.float64]

LARGEST: Final = 1e15
"""No label is larger; losses of larger ones would overflow."""

ASYMMETRY: Final = 1e-3
"""Part of its largest component by which a stress label may differ from its transpose."""


def numbers(name: str, value: Any) -> Array:
    """A label of any shape.

    Raises:
        DataError: it is not numeric, ragged, a truth value, or holds NaN or infinity.
    """
    if _holds(value, (bool, np.bool_)):
        raise DataError(
            f"the label {name!r} is a truth value, not a number: {_short(value)}; in the comment line of extended XYZ "
            "a word without = is one"
        )
    if _holds(value, (str, bytes, complex, np.complexfloating)):
        raise DataError(f"the label {name!r} is not numeric: {_short(value)}")
    try:
        array = np.asarray(value, dtype=np.float64, order="C")  # sums depend on the order in memory
    except (TypeError, ValueError) as error:
        raise DataError(f"the label {name!r} is not numeric: {_short(value)}") from error
    if not np.isfinite(array).all():
        raise DataError(f"the label {name!r} holds NaN or infinity")
    if array.size and np.abs(array).max() > LARGEST:
        raise DataError(f"the label {name!r} holds {array.flat[np.abs(array).argmax()]:g}: beyond ±{LARGEST:g}")
    return array


def scalar(name: str, value: Any) -> float:
    """A label that is one number; a list of one number is allowed."""
    array = numbers(name, value)
    return float(shaped(name, array.reshape(()) if array.shape == (1,) else array, ()))


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


def _holds(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a value, or anything in it, is of one of some types."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return issubclass(value.dtype.type, kinds)
    if isinstance(value, list | tuple | np.ndarray):
        return any(_holds(part, kinds) for part in value)
    return isinstance(value, kinds)


def _short(value: Any) -> str:
    text = repr(value.tolist() if isinstance(value, np.ndarray | np.generic) else value)
    return text if len(text) <= 60 else text[:57] + "…"
