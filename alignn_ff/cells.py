"""Geometry of a cell: volume, heights, gaps between atoms, periodic directions."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

VOIGT: Final = ("xx", "yy", "zz", "yz", "xz", "xy")
"""Components of a symmetric tensor, in the order of ASE (``ase.stress`` converts)."""

SMALLEST_VOLUME_A3: Final = 1e-6
"""A smaller cell has no volume."""

VACUUM_A: Final = 5.0
"""A gap between atoms that is wider than this is vacuum: planes of atoms in crystals are closer, in caesium 4.3 Å."""

ADD_VACUUM: Final = "add lattice vectors across the vacuum (ASE: atoms.center(vacuum=10, axis=2))"
"""What to do about a cell without a volume."""


def volume_A3(atoms: Atoms) -> float | None:  # noqa: N802 - the unit's letter
    """Volume of the cell in Å³; None without three lattice vectors."""
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    return volume if volume >= SMALLEST_VOLUME_A3 else None


def is_bulk(atoms: Atoms) -> bool:
    """Whether a structure is periodic in all three directions and has a volume, and therefore a density."""
    return bool(atoms.pbc.all()) and volume_A3(atoms) is not None


def face_distances_A(cell: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: N802 - the unit's letter
    """(3,) Å, distances between opposite faces of a (3, 3) cell that has a volume."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0))


def heights_A(atoms: Atoms) -> tuple[float, ...]:  # noqa: N802 - the unit's letter
    """Distances between opposite faces of the cell in Å; empty without three lattice vectors."""
    return () if volume_A3(atoms) is None else tuple(map(float, face_distances_A(atoms.cell.array)))


def gaps_A(atoms: Atoms) -> tuple[float, ...]:  # noqa: N802 - the unit's letter
    """Widest layer without atoms across each lattice vector in Å, images included; empty without three vectors."""
    gaps = []
    for height, places in zip(heights_A(atoms), atoms.get_scaled_positions(wrap=True).T, strict=False):
        ordered = np.sort(places)
        gaps.append(height * float(np.diff(ordered, append=ordered[0] + 1.0).max()))
    return tuple(gaps)


def empty_axes(atoms: Atoms, moving: Iterable[bool] = (True, True, True)) -> str:
    """Which of the lattice vectors a, b, c that move cross a vacuum, as in "c" of a slab; "abc" of a molecule in a box.

    The one check of every driver that changes a cell: files such as POSCAR make everything periodic.
    """
    return "".join(
        name for name, gap, moves in zip("abc", gaps_A(atoms), moving, strict=False) if moves and gap > VACUUM_A
    )


def periodic_directions(atoms: Atoms) -> NDArray[np.bool_]:
    """(3,) lattice vectors along which a structure is periodic."""
    return np.asarray(atoms.pbc, dtype=bool)


def span_projector(cell: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, 3) projector onto the span of the chosen lattice vectors of a (3, 3) cell."""
    basis, _ = np.linalg.qr(cell[chosen].T, mode="complete")
    across = basis[:, int(chosen.sum()) :]
    return np.asarray(np.eye(3) - across @ across.T)
