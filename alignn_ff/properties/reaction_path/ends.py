"""The two ends of a path: the same atoms, in the same cell, along an unambiguous motion.

Two files seldom agree on periodic images, and often not on the order of the atoms. Both would give a path that has
nothing to do with the process, without any error; so both are checked here, before anything is computed.
"""

from itertools import product
from typing import Final

import numpy as np
from ase import Atoms
from ase.build import minimize_rotation_and_translation
from ase.geometry import find_mic
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from alignn_ff.errors import StructureError
from alignn_ff.io import check_atoms
from alignn_ff.properties.reaction_path.config import ORDERS

FloatArray = NDArray[np.float64]

CELL_TOLERANCE_A: Final = 1e-3
SHORTEST_MOTION_A: Final = 0.1
"""If no atom moves further, both ends are the same structure."""
MEDIAN_MOTION_A: Final = 0.5
"""In a jump or reaction, half of the atoms move less than this."""
AMBIGUITY_A: Final = 0.1
"""Two periodic images of a moving atom whose distances differ by less give two paths."""
GAIN_A2: Final = 0.1
"""Sum of squared motions that another order has to save to count as another order."""


def matched_ends(start: Atoms, end: Atoms, order: str) -> tuple[Atoms, Atoms]:
    """Both ends with the atoms in the order of ``start``, each atom of ``end`` in the image nearest to its start.

    Args:
        start, end: as given; the constraints of ``start`` hold for the whole path.
        order: a key of ``ORDERS``.

    Raises:
        StructureError: other atoms, another cell, another order, the same structure, or an ambiguous motion.
    """
    _check_same_system(start, end)
    first, last = _plain(start), _plain(end)
    last.cell[:] = first.cell
    if not first.pbc.any() and not first.constraints:
        minimize_rotation_and_translation(first, last)
    chosen = ORDERS[order]
    nearest = nearest_order(first, last)
    if chosen.reorders:
        last = last[nearest]
    elif not np.array_equal(first.numbers, last.numbers):
        raise StructureError(
            "the elements of START and END are in another order; --order nearest reorders the atoms of END so that "
            "they move least"
        )
    elif chosen.checks:
        _check_order(motion(first, last), motion(first, last[nearest]))
    moved = motion(first, last)
    _check_motion(first, moved, checked=chosen.checks)
    last.positions = first.positions + moved
    last.set_constraint(first.constraints)
    return first, last


def motion(first: Atoms, last: Atoms) -> FloatArray:
    """(n_atoms, 3) Å from each atom of ``first`` to the nearest image of the same atom of ``last``."""
    vectors, _ = find_mic(last.positions - first.positions, first.cell, first.pbc)
    return np.asarray(vectors)


def nearest_order(first: Atoms, last: Atoms) -> NDArray[np.int64]:
    """(n_atoms,) atom of ``last`` for each of ``first``, of the same element, with the least sum of squared motions."""
    order = np.empty(len(first), dtype=np.int64)
    for number in np.unique(first.numbers):
        ours, theirs = np.flatnonzero(first.numbers == number), np.flatnonzero(last.numbers == number)
        between = (last.positions[theirs][None] - first.positions[ours][:, None]).reshape(-1, 3)
        _, length = find_mic(between, first.cell, first.pbc)
        rows, columns = linear_sum_assignment(length.reshape(len(ours), -1) ** 2)
        order[ours[rows]] = theirs[columns]
    return order


def _plain(atoms: Atoms) -> Atoms:
    """A copy without calculator and velocities, constraints kept."""
    copy = Atoms(
        numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc, masses=atoms.get_masses()
    )
    copy.set_constraint([constraint.copy() for constraint in atoms.constraints])
    return copy


def _check_same_system(start: Atoms, end: Atoms) -> None:
    check_atoms(start)
    check_atoms(end)
    if sorted(start.numbers) != sorted(end.numbers):
        raise StructureError(
            f"START is {start.get_chemical_formula()} and END is {end.get_chemical_formula()}; both ends of a path "
            "consist of the same atoms"
        )
    if not np.array_equal(start.pbc, end.pbc):
        raise StructureError(f"START has pbc {start.pbc.tolist()} and END {end.pbc.tolist()}; both need the same")
    different = float(np.abs(start.cell.array - end.cell.array)[start.pbc].max(initial=0.0))
    if different > CELL_TOLERANCE_A:
        raise StructureError(
            f"the cells of START and END differ by up to {different:.3g} Å; a path has one cell. Relax the cell of "
            "the undisturbed crystal, build both ends in it, and relax only their atoms"
        )
    if end.constraints and [c.todict() for c in end.constraints] != [c.todict() for c in start.constraints]:
        raise StructureError("START and END have different constraints; give both the same, or only START")


def _check_order(given: FloatArray, nearest: FloatArray) -> None:
    sums = [float(np.square(moved).sum()) for moved in (given, nearest)]
    if sums[0] - sums[1] > GAIN_A2:
        changed = int((np.abs(given - nearest).max(axis=1) > SHORTEST_MOTION_A).sum())
        raise StructureError(
            f"{changed} atoms seem to be in another order in END: as given, the root of the summed squared motions is "
            f"{sums[0] ** 0.5:.2f} Å, in another order {sums[1] ** 0.5:.2f} Å. --order nearest takes the other order, "
            "--order given keeps this one, for atoms that exchange places"
        )


def _check_motion(first: Atoms, moved: FloatArray, *, checked: bool) -> None:
    lengths = np.linalg.norm(moved, axis=1)
    if lengths.max() < SHORTEST_MOTION_A:
        raise StructureError(
            f"START and END are the same structure: no atom moves more than {lengths.max():.3f} Å (periodic images "
            "and the chosen order taken into account)"
        )
    median = float(np.median(lengths))
    if checked and len(first) > 2 and median > MEDIAN_MOTION_A:
        raise StructureError(
            f"half of the atoms move by more than {median:.2f} Å between START and END; is the origin, or the order "
            "of the atoms, another one? --order given takes them as they are"
        )
    for index in np.flatnonzero(lengths > SHORTEST_MOTION_A):
        margin = _margin(first, moved[index])
        if margin < AMBIGUITY_A:
            raise StructureError(
                f"atom {index} ({first.symbols[index]}) moves by half of a period of the cell, {lengths[index]:.2f} Å, "
                "so its direction is not defined; use a larger cell"
            )


def _margin(atoms: Atoms, vector: FloatArray) -> float:
    """Å by which the second shortest image of a motion is longer than the shortest."""
    steps = [(-1, 0, 1) if periodic else (0,) for periodic in atoms.pbc]
    images = vector + np.array(list(product(*steps))) @ atoms.cell.array
    lengths = np.sort(np.linalg.norm(images, axis=1))
    return float(lengths[1] - lengths[0]) if len(lengths) > 1 else np.inf
