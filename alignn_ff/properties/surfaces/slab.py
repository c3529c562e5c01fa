"""Slabs: a crystal cut along a plane, at every gap between its planes of atoms.

A slab is a whole number of layers of the thickness d of the lattice planes. Each layer has the composition of the
crystal, so every slab is stoichiometric. Positions are never folded along the normal: an atom at the lower face stays
there, whatever the rounding errors are.
"""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.surfaces.miller import Miller, reduced
from alignn_ff.properties.symmetry import symmetry_dataset

FloatArray = NDArray[np.float64]


class Layering(NamedTuple):
    """A crystal seen along the normal of a plane.

    Attributes:
        crystal: primitive cell.
        in_plane: (2, 3) Å, shortest lattice vectors in the plane.
        step: (3,) Å, lattice vector to the next layer.
        normal: (3,) unit vector.
        spacing: Å, thickness of a layer.
    """

    crystal: Atoms
    in_plane: FloatArray
    step: FloatArray
    normal: FloatArray
    spacing: float

    @property
    def area(self) -> float:
        """Å² of the plane's cell."""
        return float(np.linalg.norm(np.cross(*self.in_plane)))

    @property
    def heights(self) -> FloatArray:
        """(n_atoms,) Å along the normal."""
        return np.asarray(self.crystal.positions @ self.normal)


class Cut(NamedTuple):
    """Where a crystal is cut.

    Attributes:
        height: Å along the normal, in the middle of a gap between planes of atoms.
        gap: Å, its width.
        symmetric: whether symmetry maps both new faces onto each other.
    """

    height: float
    gap: float
    symmetric: bool


def layering(primitive: Atoms, conventional: Atoms, miller: Miller) -> Layering:
    """Layers of a crystal.

    Args:
        primitive: cell.
        conventional: cell in the same orientation, to which the indices belong.
        miller: indices.
    """
    reciprocal = np.linalg.inv(conventional.cell.array) @ np.array(miller)  # in 1/Å, without 2π
    whole = reduced(np.rint(12 * (primitive.cell.array @ reciprocal)).astype(int))  # centrings divide by 2, 3 or 4
    first, second, third = (np.array(v) @ primitive.cell.array for v in plane_basis(whole))
    plane = np.linalg.inv(primitive.cell.array) @ np.array(whole)
    normal = plane / np.linalg.norm(plane)
    first, second = _shortest(first, second)
    if np.dot(np.cross(first, second), normal) < 0:
        second = -second
    return Layering(primitive, np.array([first, second]), third, normal, float(1.0 / np.linalg.norm(plane)))


def plane_basis(miller: Miller) -> tuple[Miller, Miller, Miller]:
    """Two lattice vectors that span the lattice of a plane, and one to the next plane: h·u₃ = 1.

    Args:
        miller: without a common divisor, of the cell that the vectors are multiples of.
    """
    a, b, c = miller
    if a == b == 0:
        return (1, 0, 0), (0, 1, 0), (0, 0, c)
    g, p, q = _bezout(a, b)
    _, r, s = _bezout(g, c)
    return (b // g, -a // g, 0), (p * c, q * c, -g), (r * p, r * q, s)


def cuts(layers: Layering, *, min_gap_A: float, tolerance_A: float) -> list[Cut]:
    """Distinct cuts, the widest gap first."""
    places = np.sort(layers.heights % layers.spacing)
    gaps = np.diff(places, append=places[0] + layers.spacing)
    middles = (places + 0.5 * gaps) % layers.spacing
    dataset = symmetry_dataset(layers.crystal, tolerance_A)
    maps = _maps(layers, dataset.rotations, dataset.translations)
    found: list[Cut] = []
    for index in np.argsort(-gaps, kind="stable"):
        middle = float(middles[index])
        if gaps[index] < min_gap_A:
            continue
        if any(_same(sign * cut.height + shift, middle, layers.spacing) for cut in found for sign, shift in maps):
            continue
        symmetric = any(_same(shift - middle, middle, layers.spacing) for sign, shift in maps if sign < 0)
        found.append(Cut(middle, float(gaps[index]), symmetric))
    return found


def slab(layers: Layering, cut: Cut, n_layers: int, *, vacuum_A: float) -> Atoms:
    """A slab with its normal along z and its first vector along x, periodic along all three.

    Args:
        layers: of the crystal.
        cut: where it is cut.
        n_layers: number of layers.
        vacuum_A: between the outermost atoms and those of the image.
    """
    crystal, plane, _ = stacked(layers, cut, n_layers)
    positions = crystal.positions
    height = np.ptp(positions[:, 2]) + vacuum_A
    positions[:, 2] += 0.5 * vacuum_A - positions[:, 2].min()
    positions[:, :2] = (positions[:, :2] @ np.linalg.inv(plane[:, :2]) % 1.0) @ plane[:, :2]
    cell = np.array([plane[0], plane[1], [0.0, 0.0, height]])
    return Atoms(numbers=crystal.numbers, positions=positions, cell=cell, pbc=True)


def stacked(layers: Layering, cut: Cut, n_layers: int) -> tuple[Atoms, FloatArray, FloatArray]:
    """Layers above a cut, with the normal along z and the first vector in the plane along x.

    Returns:
        Atoms without a cell, the (2, 3) vectors in the plane, and the (3, 3) axes: a vector v becomes ``v @ axes.T``.
    """
    lifts = np.ceil((cut.height - layers.heights) / layers.spacing)  # whole layers, so that no atom is below the cut
    lowest = layers.crystal.positions + lifts[:, None] * layers.step
    positions = np.concatenate([lowest + k * layers.step for k in range(n_layers)])
    x = layers.in_plane[0] / np.linalg.norm(layers.in_plane[0])
    axes = np.array([x, np.cross(layers.normal, x), layers.normal])
    numbers = np.tile(layers.crystal.numbers, n_layers)
    return Atoms(numbers=numbers, positions=positions @ axes.T), layers.in_plane @ axes.T, axes


def _maps(layers: Layering, rotations: NDArray[np.int_], translations: FloatArray) -> list[tuple[int, float]]:
    """(sign, shift) of the operations that map heights onto heights: z → sign·z + shift."""
    cell = layers.crystal.cell.array
    found = []
    for rotation, translation in zip(rotations, translations, strict=True):
        turned = cell.T @ rotation @ np.linalg.inv(cell.T) @ layers.normal
        for sign in (1, -1):
            if np.allclose(turned, sign * layers.normal, atol=1e-3):
                found.append((sign, float(translation @ cell @ layers.normal)))
    return found


def _same(one: float, other: float, spacing: float, tolerance: float = 0.05) -> bool:
    difference = (one - other) % spacing
    return min(difference, spacing - difference) < tolerance


def _shortest(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gauss's reduction of two vectors."""
    while True:
        if np.dot(first, first) > np.dot(second, second) + 1e-9:
            first, second = second, first
        turns = round(float(np.dot(first, second) / np.dot(first, first)))
        if turns == 0:
            return first, second
        second = second - turns * first


def _bezout(a: int, b: int) -> tuple[int, int, int]:
    """(g, p, q) with p·a + q·b = g, the greatest common divisor, g > 0."""
    old, new = (a, 1, 0), (b, 0, 1)
    while new[0]:
        turns = old[0] // new[0]
        old, new = new, (old[0] - turns * new[0], old[1] - turns * new[1], old[2] - turns * new[2])
    return old if old[0] > 0 else (-old[0], -old[1], -old[2])
