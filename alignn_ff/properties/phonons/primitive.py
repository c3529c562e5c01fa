"""The primitive cell of a crystal, in the orientation that it has; isotopes count as different atoms."""

from typing import NamedTuple

import numpy as np
import spglib
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.symmetry import search


class Primitive(NamedTuple):
    """A primitive cell with its symmetry.

    Attributes:
        atoms: with the masses of the crystal.
        rotations: (n, 3, 3) of the space group, on fractional coordinates.
        space_group: "Fd-3m (227)".
    """

    atoms: Atoms
    rotations: NDArray[np.int32]
    space_group: str


def primitive_cell(atoms: Atoms, tolerance_A: float) -> Primitive:
    """The primitive cell.

    Raises:
        StructureError: no symmetry is found.
    """
    labels, kinds = kinds_of(atoms)
    cell = (atoms.cell.array, atoms.get_scaled_positions(), labels)
    lattice, positions, numbers = search(
        spglib.standardize_cell, cell, tolerance_A, to_primitive=True, no_idealize=True
    )
    primitive = Atoms(
        numbers=[kinds[k - 1][0] for k in numbers],
        masses=[kinds[k - 1][1] for k in numbers],
        cell=lattice,
        scaled_positions=positions,
        pbc=True,
    )
    symmetry = search(spglib.get_symmetry_dataset, (lattice, positions, numbers), tolerance_A)
    return Primitive(primitive, symmetry.rotations, f"{symmetry.international} ({symmetry.number})")


def kinds_of(atoms: Atoms) -> tuple[list[int], list[tuple[int, float]]]:
    """Kind of each atom, from 1 on, and (atomic number, mass) of each kind; isotopes are different kinds."""
    pairs = [(int(z), float(m)) for z, m in zip(atoms.numbers, atoms.get_masses(), strict=True)]
    kinds = sorted(set(pairs))
    return [kinds.index(pair) + 1 for pair in pairs], kinds
