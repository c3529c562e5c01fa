"""Neighbour search on the device of the positions: a cell list in torch's operations.

In: positions on a device, cell and periodicity on the host. Out: the pairs that
:func:`alignn_ff.graph.neighbors.radius_pairs` finds, in the same order, on the device; distances agree to rounding.

The cell is cut into bins. The candidates of an atom are the atoms of the bins around its own, and bins beyond a
periodic face are those of the other side, shifted; in a small cell these are the same bins several times.
"""

import itertools
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.graph.neighbors import ROUNDING_A, FloatArray, complete_cell


class PairTensors(NamedTuple):
    """Directed pairs src → dst with r = x[dst] + shift·cell − x[src], in canonical order: by dst, then src, then shift.

    Attributes:
        src, dst: (n_pairs,) int64.
        shift: (n_pairs, 3) int32, lattice translations.
        distance: (n_pairs,) float64, Å.
    """

    src: Tensor
    dst: Tensor
    shift: Tensor
    distance: Tensor


class _Bins(NamedTuple):
    """Atoms sorted into bins.

    Attributes:
        shape: number of bins along each axis.
        window: along each axis, number of bins to either side that can hold a neighbour.
        periodic: whether the axis goes on at its ends.
        place: (n_atoms, 3) bin of each atom.
        images: (n_atoms, 3) lattice translations that brought each atom into the cell.
        order: (n_atoms,) atoms sorted by bin.
        starts, counts: (n_bins,) where the atoms of a bin stand in ``order``.
    """

    shape: tuple[int, ...]
    window: tuple[int, ...]
    periodic: tuple[bool, ...]
    place: Tensor
    images: Tensor
    order: Tensor
    starts: Tensor
    counts: Tensor


def pairs_on_device(positions: Tensor, cell: FloatArray, pbc: NDArray[np.bool_], cutoff: float) -> PairTensors:
    """All pairs closer than ``cutoff``, each in both directions, periodic images included.

    Args:
        positions: (n_atoms, 3) float64, Å, need not lie inside the cell.
        cell: (3, 3) Å, rows are lattice vectors; rows of non-periodic axes are ignored.
        pbc: (3,) periodicity per axis.
        cutoff: Å, exclusive.
    """
    bins = _bins(positions, cell, pbc, cutoff + ROUNDING_A)
    vectors = torch.from_numpy(np.where(pbc[:, None], cell, 0.0)).to(positions.device)
    offsets = itertools.product(*(range(-reach, reach + 1) for reach in bins.window))
    parts = [_pairs_at(offset, bins, positions, vectors, cutoff) for offset in offsets]
    found = PairTensors(*(torch.cat(field) for field in zip(*parts, strict=True)))
    order = _canonical_order(found, positions.shape[0])
    return PairTensors(*(field[order] for field in found))


def distances(
    positions: Tensor, src: Tensor, dst: Tensor, shift: Tensor, cell: Tensor, of_pairs: Tensor | None = None
) -> Tensor:
    """(n_pairs,) lengths of x[dst] − x[src] + shift·cell, Å.

    Args:
        positions: (n_atoms, 3) Å.
        src, dst, shift: of the pairs.
        cell: (3, 3) Å, or (n_systems, 3, 3) of several structures.
        of_pairs: (n_pairs,) the structure of each pair, where there are several.
    """
    first, second, third = shift.to(positions.dtype).unbind(1)
    total = torch.zeros_like(first)
    for axis in range(3):
        vectors = cell[:, axis] if of_pairs is None else cell[:, :, axis][of_pairs].mT
        coordinate, (a, b, c) = positions[:, axis], vectors.unbind()
        difference = coordinate[dst] - coordinate[src] + (first * a + second * b + third * c)
        total = total + difference * difference
    return total.sqrt()


def counted(index: Tensor, n_groups: int) -> Tensor:
    """(n_groups,) int64, how many rows each group has; ``nn.count_rows`` for a floor below."""
    return index.new_zeros(n_groups).scatter_add_(0, index, torch.ones_like(index))


def expanded(counts: Tensor) -> tuple[Tensor, Tensor]:
    """``counts[k]`` rows for each k: (n_rows,) the k of each row, and its place among the rows of k."""
    owner = torch.repeat_interleave(torch.arange(counts.shape[0], device=counts.device), counts)
    return owner, torch.arange(owner.shape[0], device=counts.device) - (counts.cumsum(0) - counts)[owner]


def _bins(positions: Tensor, cell: FloatArray, pbc: NDArray[np.bool_], reach: float) -> _Bins:
    n_atoms, device = positions.shape[0], positions.device
    inverse = np.linalg.inv(complete_cell(cell, pbc))
    fractional = positions @ torch.from_numpy(inverse).to(device)
    periodic = torch.from_numpy(pbc).to(device)
    images = torch.where(periodic, fractional.floor(), 0.0)
    inside = fractional - images
    lowest, highest = torch.stack([inside.amin(0), inside.amax(0)]).cpu().numpy()  # the free axes are as long as this
    lowest = np.where(pbc, 0.0, lowest)
    length = np.where(pbc, 1.0, np.maximum(highest - lowest, ROUNDING_A))
    width_A = length / np.linalg.norm(inverse, axis=0)
    shape = _number_of_bins(width_A, reach, n_atoms)
    window = np.ceil(reach * shape / width_A).astype(int)
    window = np.where(pbc, window, np.minimum(window, shape - 1))
    scale = torch.from_numpy(shape / length).to(device)
    most = torch.from_numpy(shape - 1).to(device)
    place = torch.minimum(((inside - torch.from_numpy(lowest).to(device)) * scale).long().clamp(min=0), most)
    number = (place[:, 0] * int(shape[1]) + place[:, 1]) * int(shape[2]) + place[:, 2]
    counts = counted(number, int(shape.prod()))
    return _Bins(
        tuple(shape.tolist()),
        tuple(window.tolist()),
        tuple(pbc.tolist()),
        place,
        images.to(torch.int64),
        torch.argsort(number, stable=True),
        counts.cumsum(0) - counts,
        counts,
    )


def _number_of_bins(width_A: FloatArray, reach: float, n_atoms: int) -> NDArray[np.int64]:
    """Bins as wide as the reach or wider, and no more than there are atoms, so that empty space costs nothing."""
    shape = np.maximum(np.floor(width_A / reach), 1.0).clip(max=2.0**20).astype(np.int64)
    while shape.prod() > max(2 * n_atoms, 64):
        widest = int(shape.argmax())
        shape[widest] = (shape[widest] + 1) // 2
    return shape


def _pairs_at(
    offset: tuple[int, ...], bins: _Bins, positions: Tensor, cell: Tensor, cutoff: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pairs of all atoms with those in the bin that lies at an offset from their own."""
    n_atoms, device = positions.shape[0], positions.device
    number, around = torch.zeros(n_atoms, dtype=torch.int64, device=device), []
    there = torch.ones(n_atoms, dtype=torch.bool, device=device)
    for axis, (step, size, periodic) in enumerate(zip(offset, bins.shape, bins.periodic, strict=True)):
        place = bins.place[:, axis] + step
        turns = torch.div(place, size, rounding_mode="floor") if periodic else torch.zeros_like(place)
        place = place - size * turns
        there = there & (place >= 0) & (place < size)
        number = number * size + place.clamp(0, size - 1)
        around.append(turns)
    counts = bins.counts[number] * there
    src, rank = expanded(counts)
    dst = bins.order[bins.starts[number][src] + rank]
    shift = torch.stack(around, 1)[src] + bins.images[src] - bins.images[dst]
    distance = distances(positions, src, dst, shift, cell)
    itself = (src == dst) & (shift == 0).all(1)
    kept = torch.nonzero((distance < cutoff) & ~itself).squeeze(1)
    return src[kept], dst[kept], shift[kept].to(torch.int32), distance[kept]


def _canonical_order(pairs: PairTensors, n_atoms: int) -> Tensor:
    """(n_pairs,) indices that sort pairs by dst, then src, then shift."""
    order = torch.arange(pairs.src.shape[0], device=pairs.src.device)
    if not order.shape[0]:
        return order
    shift = pairs.shift.long()
    most = [int(number) for number in shift.abs().amax(0).tolist()]
    if n_atoms**2 * np.prod([2.0 * number + 1.0 for number in most]) < 2.0**62:
        return torch.argsort(packed_keys(pairs.dst, pairs.src, shift, n_atoms, most))
    for column in (*shift.flip(1).unbind(1), pairs.src, pairs.dst):
        order = order[torch.argsort(column[order], stable=True)]
    return order


def packed_keys(major: Tensor, minor: Tensor, shift: Tensor, n_atoms: int, most: list[int]) -> Tensor:
    """(n_pairs,) int64, one number per pair that sorts like (major, minor, shift).

    Args:
        major, minor: (n_pairs,) int64, atoms.
        shift: (n_pairs, 3) int64.
        n_atoms: of the structure.
        most: largest lattice translation along each axis, either way.
    """
    keys = major * n_atoms + minor
    for axis, largest in enumerate(most):
        keys = keys * (2 * largest + 1) + shift[:, axis] + largest
    return keys
