"""Which strains of a cell may relax: those within the periodic directions."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from numpy.typing import NDArray

from alignn_ff.errors import StructureError

VOIGT: Final = ("xx", "yy", "zz", "yz", "xz", "xy")
VOIGT_AXES: Final = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
SMALLEST_VOLUME_A3: Final = 1e-6
"""A cell below this volume (Å³) has no stress."""


def cell_filter(atoms: Atoms) -> FrechetCellFilter:
    """ASE's filter that relaxes positions and cell together, non-periodic directions held.

    Raises:
        StructureError: the structure has no cell that could relax.
    """
    return FrechetCellFilter(atoms, mask=free_strains(atoms).tolist())


@contextmanager
def quiet_logarithm() -> Iterator[None]:
    """Keep scipy's warning about a matrix logarithm that is off by 1e-12 from the user; ASE's filter takes many."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="logm result may be inaccurate", category=RuntimeWarning)
        yield


def free_strains(atoms: Atoms) -> NDArray[np.bool_]:
    """Which of the six strains, in Voigt order, lie within the periodic directions of a structure.

    Raises:
        StructureError: there is no periodic direction, no volume to define a stress by, or the periodic
            directions do not line up with Cartesian axes.
    """
    if not atoms.pbc.any():
        raise StructureError("the cell cannot be relaxed: the structure is not periodic; leave out --cell")
    if abs(np.linalg.det(atoms.cell.array)) < SMALLEST_VOLUME_A3:
        raise StructureError(
            f"the cell cannot be relaxed: {atoms.cell.array.tolist()} has no volume, so there is no stress; give the "
            "structure a lattice vector across the vacuum (ASE: atoms.center(vacuum=10, axis=2)), or leave out --cell"
        )
    _, _, basis = np.linalg.svd(atoms.cell.array[atoms.pbc], full_matrices=False)
    projector = basis.T @ basis
    free = np.diag(projector) > 0.5
    if not np.allclose(projector, np.diag(free), atol=1e-6):
        raise StructureError(
            f"the cell cannot be relaxed: its periodic lattice vectors {atoms.cell.array[atoms.pbc].tolist()} span no "
            "Cartesian plane or axis, so the other directions cannot be held; rotate the structure (in ASE: "
            "atoms.rotate(…, rotate_cell=True)), or leave out --cell"
        )
    return np.array([free[i] and free[j] for i, j in VOIGT_AXES])


def volume_A3(atoms: Atoms) -> float | None:  # noqa: N802 - the unit's letter
    """Volume of the cell in Å³, or None without three lattice vectors."""
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    return volume if volume >= SMALLEST_VOLUME_A3 else None


def heights_A(atoms: Atoms) -> tuple[float, ...]:  # noqa: N802 - the unit's letter
    """Distances between opposite faces of the cell in Å; none without three lattice vectors."""
    if volume_A3(atoms) is None:
        return ()
    heights = 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    return tuple(float(height) for height in heights)


def gaps_A(atoms: Atoms) -> tuple[float, ...]:  # noqa: N802 - the unit's letter
    """The widest stretch without atoms along each lattice vector in Å; none without three lattice vectors."""
    gaps = []
    for height, places in zip(heights_A(atoms), atoms.get_scaled_positions().T, strict=False):
        ordered = np.sort(places)
        gaps.append(height * float(np.diff(ordered, append=ordered[0] + 1.0).max()))
    return tuple(gaps)
