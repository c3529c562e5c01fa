"""Atoms at distances that no matter has: from the density first, which takes no search, then pair by pair.

A pair of elements has a usual bond of the sum of its covalent radii. Below a third of it is an error, below a half a
warning: the strongest compressions and collisions that are computed, such as hot hydrogen, stay above.
"""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray
from scipy.spatial import KDTree

from alignn_ff.cells import face_distances_A
from alignn_ff.errors import StructureError

ERROR_BELOW: Final = 1 / 3
WARNING_BELOW: Final = 1 / 2
"""Of the sum of covalent radii."""

NEAREST: Final = 8
"""Neighbours of an atom that are compared; closer ones hide only others that are refused as well."""

COINCIDENT_A: Final = 1e-3
"""Atoms closer than this (Å) count as duplicates."""

SHOWN: Final = 5

Floats = NDArray[np.float64]


class ClosePairs(NamedTuple):
    """Pairs of atoms closer than half of the sum of their covalent radii, the closest for its elements first.

    Attributes:
        first, second: (n,) numbers of the atoms; the same number is an atom and its own image.
        distance: (n,) Å.
        usual: (n,) Å, the sum of their covalent radii.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: Floats
    usual: Floats

    @property
    def ratio(self) -> Floats:
        """(n,) distance per usual bond."""
        return self.distance / self.usual


class CloseAtomsError(StructureError):
    """Atoms at distances that no matter has."""


def check_distances(atoms: Atoms, *, allow_close_atoms: bool = False) -> str | None:
    """Refuse atoms closer than a third of a usual bond.

    Args:
        atoms: valid.
        allow_close_atoms: only warn; for structures that are meant to be so dense.

    Returns:
        A warning, where atoms are closer than half of a usual bond.

    Raises:
        StructureError: the density is impossible, or atoms are too close; pairs, distances and what to do.
    """
    if _packing(atoms) > 1.0:
        if allow_close_atoms:
            return _density_in_words(atoms)
        raise CloseAtomsError(
            f"{_density_in_words(atoms)}; lattice vectors and positions are needed in Å. If this is meant, "
            "--allow-close-atoms"
        )
    pairs = close_pairs(atoms)
    if not len(pairs.first):
        return None
    below = int((pairs.ratio < ERROR_BELOW).sum())
    if below and not allow_close_atoms:
        raise CloseAtomsError(_refusal(atoms, pairs, below))
    return (
        f"atoms are closer than half of a usual bond: {_listed(atoms, pairs)}; a model may not have seen such distances"
    )


def _packing(atoms: Atoms) -> float:
    """Volume of spheres of a third of the covalent radii per volume of the cell; above 1 some of them overlap."""
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    if not atoms.pbc.all() or volume == 0.0:
        return 0.0
    spheres = 4.0 / 3.0 * np.pi * (ERROR_BELOW * covalent_radii[atoms.numbers]) ** 3
    return float(spheres.sum()) / volume


def _density_in_words(atoms: Atoms) -> str:
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    count = "1 atom" if len(atoms) == 1 else f"{len(atoms):,} atoms"
    usual = float((4.0 / 3.0 * np.pi * covalent_radii[atoms.numbers] ** 3).sum())
    units = "; is the cell in nm?" if 0.2 * usual < 1000.0 * volume < 50.0 * usual else ", which no matter has"
    return f"{count} in {volume:.2g} Å³{units}"


def close_pairs(atoms: Atoms) -> ClosePairs:
    """Pairs below the limit of a warning, periodic images included."""
    cell, pbc = _reduced(atoms)
    radii = covalent_radii[atoms.numbers]
    own = _own_images(cell[pbc], radii)
    if own is not None and (own.ratio < ERROR_BELOW).any():
        return own  # a cell so thin has more images than are worth looking at
    reach = 2.0 * WARNING_BELOW * float(radii.max())
    places, atom = _with_images(atoms.positions, cell, pbc, reach)
    count = min(NEAREST + 1, len(places))
    distance, near = KDTree(places).query(places[: len(atoms)], k=range(1, count + 1), distance_upper_bound=reach)
    first, column = np.nonzero(np.isfinite(distance))
    found, apart = near[first, column], distance[first, column]
    others = found != first
    first, found, apart = first[others], found[others], apart[others]
    second = atom[found]
    usual = radii[first] + radii[second]
    chosen = np.flatnonzero((apart < WARNING_BELOW * usual) & (first <= second))
    order = chosen[np.argsort(apart[chosen] / usual[chosen], kind="stable")]
    return ClosePairs(first[order], second[order], apart[order], usual[order])


def _reduced(atoms: Atoms) -> tuple[Floats, NDArray[np.bool_]]:
    """The same lattice with the shortest vectors."""
    pbc = np.asarray(atoms.pbc, dtype=bool)
    if not pbc.any():
        return np.eye(3), pbc
    cell, _ = minkowski_reduce(atoms.cell.complete().array, pbc)
    return np.asarray(cell, dtype=np.float64), pbc


def _own_images(vectors: Floats, radii: Floats) -> ClosePairs | None:
    """The shortest lattice vector as a distance of each atom to its own image."""
    if not len(vectors):
        return None
    shortest = np.full(len(radii), np.linalg.norm(vectors, axis=1).min())
    close = np.flatnonzero(shortest < WARNING_BELOW * 2.0 * radii)
    return ClosePairs(close, close, shortest[close], 2.0 * radii[close])


def _with_images(
    positions: Floats, cell: Floats, pbc: NDArray[np.bool_], reach: float
) -> tuple[Floats, NDArray[np.int64]]:
    """Atoms inside the cell, then their images within ``reach`` of it; of each, which atom it is."""
    fractional = positions @ np.linalg.inv(cell)
    fractional -= np.where(pbc, np.floor(fractional), 0.0)
    atom = np.arange(len(positions), dtype=np.int64)
    margin = reach / face_distances_A(cell)
    for axis in np.flatnonzero(pbc):
        n_images = int(np.ceil(margin[axis]))
        copies, whose = [fractional], [atom]
        for image in (i for n in range(1, n_images + 1) for i in (n, -n)):
            moved = fractional[:, axis] + image
            inside = np.flatnonzero((moved > -margin[axis]) & (moved < 1.0 + margin[axis]))
            copy = fractional[inside]
            copy[:, axis] += image
            copies.append(copy)
            whose.append(atom[inside])
        fractional, atom = np.concatenate(copies), np.concatenate(whose)
    return fractional @ cell, atom


def _refusal(atoms: Atoms, pairs: ClosePairs, below: int) -> str:
    closest = float(pairs.distance.min())
    if closest < COINCIDENT_A and "spacegroup" not in atoms.info:
        same = pairs.distance < COINCIDENT_A
        named = ", ".join(f"{i} and {j}" for i, j in zip(pairs.first[same][:SHOWN], pairs.second[same], strict=False))
        more = f" and {int(same.sum()) - SHOWN} more pairs" if same.sum() > SHOWN else ""
        return f"atoms at one place: {named}{more}. {_advice(atoms, closest)}"
    count = "one pair of atoms is" if below == 1 else f"{below} pairs of atoms are"
    return (
        f"{count} closer than a third of a usual bond: {_listed(atoms, pairs)}. {_advice(atoms, closest)} "
        "If such distances are meant, --allow-close-atoms"
    )


def _advice(atoms: Atoms, closest: float) -> str:
    if "spacegroup" in atoms.info and closest < 0.2:
        return (
            "Symmetry multiplied a site because its coordinates are rounded: write 1/3 as 0.333333 (not 0.333), or "
            "merge the copies (ASE: atoms.set_scaled_positions, ase.geometry.get_duplicate_atoms(atoms, 0.1, "
            "delete=True))."
        )
    if closest < 0.1:
        return "Remove duplicates (ASE: ase.geometry.get_duplicate_atoms(atoms, 0.1, delete=True))."
    return "Are cell and positions in Å, and positions Cartesian or fractional as the file says?"


def _listed(atoms: Atoms, pairs: ClosePairs) -> str:
    shown = []
    for i, j, distance, usual in list(zip(*pairs, strict=True))[:SHOWN]:
        other = "its own image" if i == j else f"{j} ({atoms.symbols[int(j)]})"
        shown.append(f"{i} ({atoms.symbols[int(i)]}) and {other} {distance:.3g} Å (bond {usual:.2f} Å)")
    more = len(pairs.first) - SHOWN
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
