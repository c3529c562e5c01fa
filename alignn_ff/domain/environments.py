"""What is measured of a structure, for the training domain and for the checks: density, lone atoms, dimers."""

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.cells import VACUUM_A, gaps_A, is_bulk, volume_A3

if TYPE_CHECKING:
    from alignn_ff.graph.neighbors import NeighborPairs


def volume_per_atom_A3(atoms: Atoms) -> float | None:  # noqa: N802 - the unit's letter
    """Volume per atom of a bulk structure, Å³; None without one: a molecule, a slab, a gap wider than 5 Å."""
    volume = volume_A3(atoms) if is_bulk(atoms) else None
    if volume is None or max(gaps_A(atoms)) > VACUUM_A:
        return None
    return volume / len(atoms)


def lone_atoms(dst: NDArray[np.int64], n_atoms: int) -> NDArray[np.intp]:
    """Indices of the atoms without neighbours.

    Args:
        dst: (n_pairs,) target of each directed pair, ascending.
        n_atoms: of the structure.
    """
    n_with = int(np.count_nonzero(dst[1:] != dst[:-1])) + 1 if dst.size else 0
    if n_with == n_atoms:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.bincount(dst, minlength=n_atoms) == 0)


def dimers(pairs: "NeighborPairs", n_atoms: int) -> NDArray[np.int64]:
    """(n_dimers, 2) pairs of atoms that have each other as the only neighbour.

    Args:
        pairs: of the structure.
        n_atoms: of the structure.
    """
    counts = np.bincount(pairs.dst, minlength=n_atoms)
    if counts.size == 0 or counts.min() > 1:
        return np.zeros((0, 2), dtype=np.int64)
    src, dst = pairs.src, pairs.dst
    found = np.flatnonzero((counts[src] == 1) & (counts[dst] == 1) & (src < dst))
    return np.stack([src[found], dst[found]], axis=1)
