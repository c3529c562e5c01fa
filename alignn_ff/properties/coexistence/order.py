"""Order of slabs of a crystal beside its liquid: how much of a wave of the crystal's lattice each slab holds.

ψ = |Σ_j exp(2πi (h x_j + k y_j))| / N over the atoms of a slab, for waves in the plane of the interface, over its value
in the perfect crystal: 1 in a crystal at rest, about 1/√N in a liquid. It does not depend on where the crystal is.
"""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Array = NDArray[np.float64]
HIGHEST: Final = 4
"""Largest index of a wave."""
STRONG: Final = 0.9
"""A wave counts as strong if its amplitude is at least this part of the largest one."""


class Waves(NamedTuple):
    """Waves of the lattice in the plane of the interface.

    Attributes:
        indices: (n, 2) in the supercell.
        amplitude: in the perfect crystal.
    """

    indices: Array
    amplitude: float


def strongest_waves(crystal: Atoms, repeats: tuple[int, int, int]) -> Waves:
    """The longest of the strong waves of a crystal, with those of the same length.

    Args:
        crystal: the cell that is repeated; its third vector is normal to the interface.
        repeats: of the supercell.
    """
    every = np.array([(h, k) for h in range(HIGHEST + 1) for k in range(-HIGHEST, HIGHEST + 1) if h > 0 or k > 0])
    places = crystal.get_scaled_positions()[:, :2]
    amplitudes = np.abs(np.exp(2j * np.pi * places @ every.T).mean(axis=0))
    reciprocal = np.linalg.inv(crystal.cell.array).T[:2]
    lengths = np.linalg.norm(every @ reciprocal, axis=1)
    strong = np.flatnonzero(amplitudes >= STRONG * amplitudes.max())
    shortest = lengths[strong].min()
    chosen = strong[lengths[strong] < 1.01 * shortest]
    return Waves(every[chosen] * np.array(repeats[:2], dtype=float), float(amplitudes[chosen].mean()))


def slab_of(atoms: Atoms, n_slabs: int) -> NDArray[np.int_]:
    """(n_atoms,) slab of each atom along the third vector."""
    heights = atoms.get_scaled_positions(wrap=True)[:, 2]
    return np.asarray(np.minimum((heights * n_slabs).astype(int), n_slabs - 1))


def order_of_slabs(atoms: Atoms, waves: Waves, n_slabs: int) -> Array:
    """(n_slabs,) ψ, averaged over the waves; 0 for an empty slab."""
    places = atoms.get_scaled_positions(wrap=False)[:, :2]
    phases = np.exp(2j * np.pi * places @ waves.indices.T)
    slabs = slab_of(atoms, n_slabs)
    sums = np.zeros((n_slabs, len(waves.indices)), dtype=complex)
    np.add.at(sums, slabs, phases)
    counts = np.maximum(np.bincount(slabs, minlength=n_slabs), 1)
    return np.asarray(np.abs(sums).mean(axis=1) / counts / waves.amplitude)


def disorder(n_atoms: float) -> float:
    """Mean ψ of n atoms at random places."""
    return float(np.sqrt(np.pi / (4.0 * n_atoms)))
