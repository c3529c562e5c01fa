"""Supercells of a crystal that are wide enough, and refusals of those that are too large."""

import numpy as np
from ase import Atoms

from alignn_ff.cells import face_distances_A
from alignn_ff.errors import ConfigError

Repeats = tuple[int, int, int]


def repeats_for_width(atoms: Atoms, width_A: float) -> Repeats:
    """Smallest repetitions whose opposite faces are at least ``width_A`` apart."""
    counts = np.ceil(width_A / face_distances_A(atoms.cell.array) - 1e-6)
    first, second, third = (max(1, int(n)) for n in counts)
    return first, second, third


def repeats_for_size(atoms: Atoms, size: int) -> Repeats:
    """``size`` cells along the longest edge, and the other edges at least as wide."""
    return repeats_for_width(atoms, size * float(face_distances_A(atoms.cell.array).max()))


def check_size(n_atoms: int, max_atoms: int, *, what: str, n_relaxations: int, instead: str) -> None:
    """Refuse a structure that is too large, before any work is done.

    Args:
        n_atoms: of the largest structure.
        max_atoms: allowed.
        what: the structure, for the message.
        n_relaxations: of structures of about this size.
        instead: what to do.

    Raises:
        ConfigError: it is too large.
    """
    if n_atoms > max_atoms:
        raise ConfigError(
            f"{what} has {n_atoms} atoms, more than --max-atoms {max_atoms}; it would take {n_relaxations} "
            f"relaxations, about {50 * n_relaxations} evaluations of this size. {instead}"
        )
