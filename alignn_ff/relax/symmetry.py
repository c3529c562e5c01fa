"""Space groups: finding that of a structure, and keeping it while the structure relaxes (spglib, through ASE)."""

from typing import Final

import numpy as np
from ase import Atoms
from ase.constraints import FixSymmetry
from ase.spacegroup.symmetrize import check_symmetry
from spglib.error import SpglibError

from alignn_ff.errors import StructureError
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.strain import StrainSpace

MOST_ATOMS: Final = 500
"""In larger structures the space group is only searched if it is to be kept, because the search is slow."""


def space_group(atoms: Atoms, *, tolerance_A: float) -> str | None:
    """Name and number, "Fd-3m (227)"; None if it is not found, or the structure is not periodic in three directions."""
    if not atoms.pbc.all():
        return None
    try:
        dataset = check_symmetry(atoms, symprec=tolerance_A)
    except SpglibError:
        return None
    return f"{dataset.international} ({dataset.number})"


def reported_space_group(atoms: Atoms, config: RelaxConfig) -> str | None:
    """What a relaxation reports; of large structures only where the space group is to be kept."""
    if len(atoms) > MOST_ATOMS and not config.keep_symmetry:
        return None
    return space_group(atoms, tolerance_A=config.symmetry_tolerance_A)


def keep_symmetry(atoms: Atoms, space: StrainSpace | None, *, tolerance_A: float) -> None:
    """Refine a structure to its space group, in place, and hold it there.

    Raises:
        StructureError: the structure is not periodic in three directions, has other constraints, or its symmetry
            mixes strains that may change with strains that are held.
    """
    if not atoms.pbc.all():
        raise StructureError(
            f"the symmetry can be kept only where all three directions are periodic (pbc {atoms.pbc.tolist()}); "
            "leave out --symmetry, or give the structure a periodic cell with vacuum"
        )
    if atoms.constraints:
        names = ", ".join(sorted({type(constraint).__name__ for constraint in atoms.constraints}))
        raise StructureError(
            f"the symmetry cannot be kept together with the constraint(s) {names} of the structure, which may break "
            "it; remove them, or leave out --symmetry"
        )
    try:
        symmetry = FixSymmetry(atoms, symprec=tolerance_A)
    except SpglibError as error:
        raise StructureError(
            f"no symmetry was found within {tolerance_A:g} Å ({error}); change --symprec, or leave out --symmetry"
        ) from error
    if space is not None and not _respects(space, symmetry, atoms):
        raise StructureError(
            "the symmetry maps directions that relax onto directions that are held; leave out --symmetry, or use "
            "--cell free"
        )
    atoms.set_constraint(symmetry)


def _respects(space: StrainSpace, symmetry: FixSymmetry, atoms: Atoms) -> bool:
    """Whether every operation maps the span of the allowed strains onto itself."""
    cell = atoms.cell.array.T
    rotations = (cell @ rotation @ np.linalg.inv(cell) for rotation in symmetry.rotations)
    return all(np.allclose(turn @ space.projector @ turn.T, space.projector, atol=1e-6) for turn in rotations)
