"""Symmetry of a crystal (spglib): its dataset and its conventional cell, with errors for people."""

from collections.abc import Callable
from typing import Any

import spglib
from ase import Atoms
from ase.utils import spglib_new_errorhandling
from spglib.error import SpglibError

from alignn_ff.errors import StructureError


def symmetry_dataset(atoms: Atoms, tolerance_A: float) -> Any:
    """Spglib's dataset: rotations, translations, equivalent_atoms, international, number.

    Raises:
        StructureError: no symmetry is found.
    """
    return _found(spglib.get_symmetry_dataset, atoms, tolerance_A)


def conventional_cell(atoms: Atoms, tolerance_A: float) -> Atoms:
    """The conventional cell of a crystal, in the orientation that the crystal has; without masses.

    Raises:
        StructureError: no symmetry is found.
    """
    return _standardized(atoms, tolerance_A, to_primitive=False)


def primitive_cell(atoms: Atoms, tolerance_A: float) -> Atoms:
    """The primitive cell, likewise."""
    return _standardized(atoms, tolerance_A, to_primitive=True)


def _standardized(atoms: Atoms, tolerance_A: float, *, to_primitive: bool) -> Atoms:
    found = _found(spglib.standardize_cell, atoms, tolerance_A, to_primitive=to_primitive, no_idealize=True)
    lattice, positions, numbers = found
    return Atoms(numbers=numbers, cell=lattice, scaled_positions=positions, pbc=True)


def _found(function: Callable[..., Any], atoms: Atoms, tolerance_A: float, **options: bool) -> Any:
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    try:
        return spglib_new_errorhandling(function)(cell, symprec=tolerance_A, **options)
    except SpglibError as error:
        raise StructureError(
            f"no symmetry was found within {tolerance_A:g} Å ({error}); do atoms lie on top of each other? Change "
            "--symprec"
        ) from error
