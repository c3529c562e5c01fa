"""Small data sets of properties: properties per structure and per atom that depend on the geometry.

Of two elements, since the published families give all atoms of a structure of one element the same state: their gated
average of equal neighbours is that neighbour, wherever it is.
"""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from tests.support.labelled_data import copper_frames, labelled


def alloy_frames(n_frames: int = 12) -> list[Atoms]:
    """Rattled and strained cells of three copper atoms and a gold atom, with labels of EMT."""
    frames = []
    for atoms in copper_frames(n_frames):
        alloy = atoms.copy()
        alloy.symbols[0] = "Au"
        frames.append(labelled(alloy, group=atoms.info["config_type"]))
    return frames


def property_frames(n_frames: int = 12, *, atomwise: bool = True) -> list[Atoms]:
    """Alloy cells with ``target`` (two numbers), ``additional`` (one), ``atomwise`` (one per atom)."""
    frames = alloy_frames(n_frames)
    for atoms in frames:
        volume, edges = atoms.get_volume() / len(atoms), atoms.cell.lengths()
        atoms.info["target"] = np.array([volume, 5.0 + 3.0 * (edges[0] - edges[1])])
        atoms.info["additional"] = np.array([edges[2]])
        if atomwise:
            atoms.arrays["atomwise"] = np.linalg.norm(atoms.get_forces(), axis=1)
        atoms.calc = None
    return frames


def single_target_frames(values: NDArray[np.float64]) -> list[Atoms]:
    """Alloy cells with one number each."""
    frames = alloy_frames(len(values))
    for atoms, value in zip(frames, values, strict=True):
        atoms.info["target"] = float(value)
        atoms.calc = None
    return frames


def volumes(n_frames: int = 12) -> NDArray[np.float64]:
    """Volume per atom of each cell, Å³."""
    return np.array([atoms.get_volume() / len(atoms) for atoms in alloy_frames(n_frames)])


def two_phases(n_frames: int = 8) -> list[Atoms]:
    """Alternating cells of Cu₃Au and CuAu₃, with target 1.0 and 2.0."""
    frames = copper_frames(n_frames)
    for index, atoms in enumerate(frames):
        atoms.symbols[: (1, 3)[index % 2]] = "Au"
        atoms.info["target"] = 1.0 + index % 2
        atoms.calc = None
    return frames
