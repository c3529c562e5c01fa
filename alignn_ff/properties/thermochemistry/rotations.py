"""The symmetry number of a molecule: how many rotations map it onto itself."""

from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Array = NDArray[np.float64]
TOLERANCE_A: Final = 0.05
"""Distance below which positions are the same."""


def symmetry_number(molecule: Atoms) -> int:
    """Number of proper rotations, with the identity; a line has two if its ends are the same, else one."""
    if len(molecule) == 1:
        return 1
    places = molecule.positions - molecule.get_center_of_mass()
    kinds = np.array([f"{z} {m:.3f}" for z, m in zip(molecule.numbers, molecule.get_masses(), strict=True)])
    first, second = _frame(places)
    if second is None:
        return 2 if _maps(-np.eye(3), places, kinds) else 1
    own = _axes(places[first], places[second])
    return sum(
        _maps(_axes(places[a], places[b]).T @ own, places, kinds)
        for a in _alike(places, kinds, first)
        for b in _alike(places, kinds, second)
        if abs(places[a] @ places[b] - places[first] @ places[second]) < _slack(places)
    )


def _frame(places: Array) -> tuple[int, int | None]:
    """Two atoms whose vectors from the centre span a plane; None for the second atom of a line."""
    first = int(np.argmax(np.linalg.norm(places, axis=1)))
    areas = np.linalg.norm(np.cross(places[first], places), axis=1)
    second = int(np.argmax(areas))
    return first, second if areas[second] > TOLERANCE_A * np.linalg.norm(places[first]) else None


def _alike(places: Array, kinds: NDArray[np.str_], index: int) -> list[int]:
    """Atoms of the same kind and distance from the centre."""
    distances = np.linalg.norm(places, axis=1)
    same = (kinds == kinds[index]) & (np.abs(distances - distances[index]) < TOLERANCE_A)
    return [int(k) for k in np.flatnonzero(same)]


def _axes(one: Array, other: Array) -> Array:
    """(3, 3) rows: a right-handed frame from two vectors."""
    x = one / np.linalg.norm(one)
    z = np.cross(one, other)
    norm = np.linalg.norm(z)
    z = z / norm if norm > 1e-9 else np.full(3, np.nan)
    return np.array([x, np.cross(z, x), z])


def _maps(rotation: Array, places: Array, kinds: NDArray[np.str_]) -> bool:
    """Whether the rotated molecule is the molecule."""
    if not np.isfinite(rotation).all():
        return False
    apart = np.linalg.norm((places @ rotation.T)[:, None] - places[None], axis=2)
    nearest = apart.argmin(axis=1)
    return bool((apart.min(axis=1) < 2 * TOLERANCE_A).all() and (kinds[nearest] == kinds).all())


def _slack(places: Array) -> float:
    """Tolerance of a product of two vectors, Å²."""
    return float(2.0 * TOLERANCE_A * np.linalg.norm(places, axis=1).max())
