"""Symmetry of a crystal (spglib): its dataset and its conventional cell, with errors for people."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import spglib
from ase import Atoms
from ase.spacegroup.symmetrize import refine_symmetry
from ase.utils import spglib_new_errorhandling
from spglib.error import SpglibError

from alignn_ff.errors import StructureError


def symmetry_dataset(atoms: Atoms, tolerance_A: float) -> Any:
    """Spglib's dataset: rotations, translations, equivalent_atoms, international, number.

    Raises:
        StructureError: no symmetry is found.
    """
    return search(spglib.get_symmetry_dataset, cell_of(atoms), tolerance_A)


def conventional_cell(atoms: Atoms, tolerance_A: float) -> Atoms:
    """The conventional cell of a crystal, in the orientation that the crystal has; without masses.

    Raises:
        StructureError: no symmetry is found.
    """
    return _standardized(atoms, tolerance_A, to_primitive=False)


def primitive_cell(atoms: Atoms, tolerance_A: float) -> Atoms:
    """The primitive cell, likewise."""
    return _standardized(atoms, tolerance_A, to_primitive=True)


def refine(atoms: Atoms, tolerance_A: float) -> None:
    """Move atoms and cell to exactly the space group that they have within a tolerance, in place.

    Raises:
        StructureError: no symmetry is found.
    """
    with told(tolerance_A):
        refine_symmetry(atoms, symprec=tolerance_A)


def search(function: Callable[..., Any], cell: tuple[Any, Any, Any], tolerance_A: float, **options: bool) -> Any:
    """The result of a function of spglib.

    Args:
        function: such as ``spglib.get_symmetry_dataset``.
        cell: lattice, fractional positions, kinds of the atoms as numbers.
        tolerance_A: distance below which positions are equivalent.
        options: of the function.

    Raises:
        StructureError: no symmetry is found.
    """
    with told(tolerance_A):
        return spglib_new_errorhandling(function)(cell, symprec=tolerance_A, **options)


@contextmanager
def told(tolerance_A: float) -> Iterator[None]:
    """A context in which an error of spglib is one for people."""
    try:
        yield
    except SpglibError as error:
        raise StructureError(
            f"no symmetry was found within {tolerance_A:g} Å ({error}); do atoms lie on top of each other? Change "
            "--symprec"
        ) from error


def cell_of(atoms: Atoms) -> tuple[Any, Any, Any]:
    """A structure as spglib takes it."""
    return atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers


def _standardized(atoms: Atoms, tolerance_A: float, *, to_primitive: bool) -> Atoms:
    lattice, positions, numbers = search(
        spglib.standardize_cell, cell_of(atoms), tolerance_A, to_primitive=to_primitive, no_idealize=True
    )
    return Atoms(numbers=numbers, cell=lattice, scaled_positions=positions, pbc=True)
