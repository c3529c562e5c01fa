"""Vibrations of a structure from central differences of the forces."""

from typing import Final

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from alignn_ff.properties.work import Work

FloatArray = NDArray[np.float64]

STEP_A: Final = 0.01
THZ: Final = 1e-12 * units.s
"""ASE's unit of frequency in THz."""


def frequencies_THz(atoms: Atoms, work: Work, *, name: str, step_A: float = STEP_A) -> FloatArray:  # noqa: N802
    """(n,) THz ascending, imaginary ones negative; translations of the whole structure are zero.

    Args:
        atoms: the structure; its constrained atoms stay where they are.
        work: evaluates.
        name: of the piece of work.
        step_A: displacement of each atom, either way.
    """
    free = free_directions(atoms)
    moving = np.flatnonzero(np.abs(free).max(axis=1) > 0)
    displaced = [_displaced(atoms, index, sign * step_A) for index in moving.tolist() for sign in (1, -1)]
    forces = np.array([one.forces.ravel() for one in work.evaluate(name, displaced)])
    hessian = np.zeros((3 * len(atoms), 3 * len(atoms)))
    hessian[moving] = -(forces[0::2] - forces[1::2]) / (2.0 * step_A)
    masses = np.repeat(atoms.get_masses(), 3)
    dynamical = free @ (0.5 * (hessian + hessian.T)) @ free / np.sqrt(np.outer(masses, masses))
    if not atoms.constraints:
        dynamical = _without_translations(dynamical, masses)
    squares = np.linalg.eigvalsh(dynamical)
    return np.sort(np.sign(squares) * np.sqrt(np.abs(squares)) * THZ / (2.0 * np.pi))


def free_directions(atoms: Atoms) -> FloatArray:
    """(3n, 3n) projector on the motions that the constraints allow."""
    projector = np.eye(3 * len(atoms))
    for row in projector:
        forces = row.reshape(-1, 3)
        for constraint in atoms.constraints:
            constraint.adjust_forces(atoms, forces)
    return projector


def _displaced(atoms: Atoms, index: int, step: float) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.set_constraint()
    moved.positions[index // 3, index % 3] += step
    return moved


def _without_translations(dynamical: FloatArray, masses: FloatArray) -> FloatArray:
    basis = np.sqrt(masses)[:, None] * np.tile(np.eye(3), (len(masses) // 3, 1))
    basis /= np.linalg.norm(basis, axis=0)
    across = np.eye(len(masses)) - basis @ basis.T
    return np.asarray(across @ dynamical @ across)
