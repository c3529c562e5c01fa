"""The structure that a property starts from: checked, relaxed, refined to its space group."""

from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.cells import empty_axes, gaps_A, is_bulk
from alignn_ff.errors import StructureError
from alignn_ff.io import check_atoms
from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.result import Remark
from alignn_ff.properties.symmetry import refine
from alignn_ff.properties.work import Relaxed, Work
from alignn_ff.relax import RelaxConfig
from alignn_ff.units import GPA_PER_EV_PER_A3

FORCE_TOLD: Final = 0.01
"""eV/Å, largest force of a structure that is not relaxed without a remark."""
STRESS_TOLD_GPA: Final = 0.1


def check_crystal(atoms: Atoms, what: str) -> None:
    """Refuse what has no three periodic directions, or vacuum.

    Args:
        atoms: the structure.
        what: the property that needs a crystal, for the message.

    Raises:
        StructureError: a molecule, a wire, a slab, or an invalid structure.
    """
    check_atoms(atoms)
    if not is_bulk(atoms):
        raise StructureError(
            f"{what} needs a crystal, but the structure is periodic along {int(np.sum(atoms.pbc))} directions "
            f"(pbc {atoms.pbc.tolist()}); give a bulk cell"
        )
    if empty_axes(atoms):
        gaps = gaps_A(atoms)
        widest = int(np.argmax(gaps))
        raise StructureError(
            f"{what} needs a crystal, but there are {gaps[widest]:.1f} Å without atoms along {'abc'[widest]}: a slab, "
            "wire or molecule. Its strain and volume depend on the vacuum; give the bulk cell"
        )


def relaxed_crystal(
    work: Work, atoms: Atoms, config: PropertyConfig, *, what: str
) -> tuple[Relaxed, tuple[Remark, ...]]:
    """The crystal at its minimum, cell and atoms, with its symmetry kept.

    Args:
        work: evaluates.
        atoms: as given; constraints and velocities are left out.
        config: whether and how to relax.
        what: the property, for messages.

    Returns:
        The structure, and remarks about one that is not relaxed.

    Raises:
        StructureError: it is not a crystal.
        NotConvergedError: it did not relax.
    """
    check_crystal(atoms, what)
    start = bare(atoms)
    if config.relax:
        relaxed = work.relax("relaxation", start, relaxation_of(config, "free", symmetric=config.keep_symmetry))
        return relaxed, ()
    if config.keep_symmetry:
        refine(start, config.symmetry_tolerance_A)
    (found,) = work.evaluate("structure as given", [start])
    remarks = []
    largest, stress = float(np.abs(found.forces).max()), float(np.abs(found.stress).max()) * GPA_PER_EV_PER_A3
    if largest > FORCE_TOLD or stress > STRESS_TOLD_GPA:
        remarks.append(
            Remark(
                "not_at_a_minimum",
                f"the structure was not relaxed and is not at a minimum: largest force {largest:.3f} eV/Å, largest "
                f"stress {stress:.2f} GPa",
            )
        )
    return Relaxed(start, found.energy, found.stress, 0), tuple(remarks)


def relaxation_of(config: PropertyConfig, cell: str, *, symmetric: bool = False) -> RelaxConfig:
    """How a property relaxes.

    Args:
        config: of the property.
        cell: what relaxes of the cell, a key of ``CELL_MODES``.
        symmetric: whether the space group is kept.
    """
    return RelaxConfig(
        fmax_eV_per_A=config.fmax_eV_per_A,
        max_steps=config.max_steps,
        relax_cell=cell,
        keep_symmetry=symmetric,
        symmetry_tolerance_A=config.symmetry_tolerance_A,
    )


def bare(atoms: Atoms) -> Atoms:
    """A copy with elements, masses, positions and cell only."""
    return Atoms(
        numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc, masses=atoms.get_masses()
    )
