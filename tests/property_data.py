"""Small data sets of properties: numbers of structures and atoms that geometry decides."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tests.labelled_data import copper_frames


def property_frames(n_frames: int = 12, *, atomwise: bool = True) -> list[Atoms]:
    """Copper cells with ``target`` (two numbers), ``additional`` (one), ``atomwise`` (one of each atom)."""
    frames = copper_frames(n_frames)
    for atoms in frames:
        volume, edges = atoms.get_volume() / len(atoms), atoms.cell.lengths()
        atoms.info["target"] = np.array([volume, 5.0 + 3.0 * (edges[0] - edges[1])])
        atoms.info["additional"] = np.array([edges[2]])
        if atomwise:
            atoms.arrays["atomwise"] = np.linalg.norm(atoms.get_forces(), axis=1)
        atoms.calc = None
    return frames


def single_target_frames(values: NDArray[np.float64]) -> list[Atoms]:
    """Copper cells with one number each."""
    frames = copper_frames(len(values))
    for atoms, value in zip(frames, values, strict=True):
        atoms.info["target"] = float(value)
        atoms.calc = None
    return frames


def volumes(n_frames: int = 12) -> NDArray[np.float64]:
    """Volume of an atom in each of the copper cells, Å³."""
    return np.array([atoms.get_volume() / len(atoms) for atoms in copper_frames(n_frames)])
