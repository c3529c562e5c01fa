"""Whether atoms can be computed at all: numbers that are finite, elements that exist, a cell where one is needed."""

from typing import Any, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import StructureError

FARTHEST_A: Final = 1e7
"""Atoms farther away than this (Å) are refused: float64 no longer resolves a bond there well enough."""


def check_atoms(atoms: Atoms) -> None:
    """Refuse structures that make no physical sense; the message names the atoms."""
    if len(atoms) == 0:
        raise StructureError("the structure has no atoms")
    if not (np.abs(atoms.positions) <= FARTHEST_A).all():
        _refuse_places(atoms.positions)
    if not np.isfinite(atoms.cell.array).all():
        raise StructureError("the cell holds numbers that are not finite (NaN or infinity)")
    if (np.abs(atoms.cell.array) > FARTHEST_A).any():
        raise StructureError(f"a lattice vector is longer than {FARTHEST_A:g} Å; is the cell in Å?")
    if ((atoms.numbers < 1) | (atoms.numbers > 118)).any():
        raise StructureError(
            f"atomic number(s) {sorted(set(atoms.numbers[(atoms.numbers < 1) | (atoms.numbers > 118)].tolist()))} "
            "are not elements; allowed are 1 to 118"
        )
    periodic = atoms.cell.array[atoms.pbc]
    if len(periodic) and not _far_from_flat(periodic) and np.linalg.svd(periodic, compute_uv=False).min() < 1e-6:
        raise StructureError(
            f"the structure is periodic along {atoms.pbc.tolist()}, but its lattice vectors there are zero or "
            f"linearly dependent: {atoms.cell.array.tolist()}; give a cell, or set pbc to False"
        )


def _far_from_flat(vectors: NDArray[np.float64]) -> bool:
    """Whether three vectors are independent, as a determinant shows: σ₃ = |det| / (σ₁ σ₂) ≥ 2 |det| / Σ σ²."""
    return len(vectors) == 3 and abs(float(np.linalg.det(vectors))) > 1e-6 * float(np.vdot(vectors, vectors))


def _refuse_places(positions: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if bad.size:
        raise StructureError(f"positions of atom(s) {listed(bad)} are not finite numbers (NaN or infinity)")
    far = np.flatnonzero((np.abs(positions) > FARTHEST_A).any(axis=1))
    raise StructureError(
        f"atom(s) {listed(far)} lie more than {FARTHEST_A:g} Å from the origin; "
        "the structure has broken apart, or its positions are not in Å"
    )


def listed(indices: NDArray[np.integer[Any]]) -> str:
    """Numbers of atoms in words, the first ten."""
    shown = ", ".join(str(i) for i in indices[:10])
    return shown + (f", … ({indices.size} in all)" if indices.size > 10 else "")
