"""What a device keeps of a structure while its atoms move a little: pairs, and the triplets that they can form.

A list reaches farther than the cutoffs, by a skin, like that of ``graph/skin.py``; as long as it is reliable, edges,
line nodes and triplets of the present positions are among those of the list, in its order.
"""

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.graph.fixed.search import PairTensors, counted, expanded, packed_keys, pairs_on_device
from alignn_ff.graph.neighbors import FloatArray, IntArray
from alignn_ff.graph.recipe import GraphRecipe

SPARE: Final = 1.1
"""Arrays have room for this many times what they hold at first."""

SPARE_ROWS: Final = 64
"""And for this many rows more, so that those of small structures do not overflow at every step."""

PADDING_NODES: Final = 8
"""Line nodes that padding triplets share."""

EMPTY_SHARE: Final = 0.3
"""Largest part of an array that may be padding, beside the rows that small arrays have more."""


class Capacities(NamedTuple):
    """Sizes of the arrays of a graph.

    Attributes:
        edges, line_nodes, triplets: rows.
        per_atom: most edges that lead to one atom.
    """

    edges: int
    per_atom: int
    line_nodes: int
    triplets: int


class FixedList(NamedTuple):
    """Pairs of a structure below a radius, on a device, and where the atoms were; of several: see :mod:`many`.

    Attributes:
        positions: (n_atoms, 3) float64, Å.
        numbers: (n_atoms,) int64, atomic numbers.
        host_numbers: the same on the host.
        cell: (3, 3) Å, on the host, rows of non-periodic axes zero.
        pbc: (3,) periodicity per axis, on the host.
        periodic: the same on the device.
        radius: Å.
        pairs: all pairs closer than the radius.
        alarms: (n_pairs,) Å, distance below which a pair is to be reported.
        nodes: (n_nodes,) int64, ascending ids of the pairs that can be line nodes.
        first, second: (n_triplets,) int64, ids of the pairs i→j and j→k of triplets, sorted by ``second``.
        system_idx: (n_atoms,) int64, which structure each atom belongs to.
        of_pairs: (n_pairs,) int64, the same of each pair; None for one structure.
    """

    positions: Tensor
    numbers: Tensor
    host_numbers: IntArray
    cell: FloatArray
    pbc: NDArray[np.bool_]
    periodic: Tensor
    radius: float
    pairs: PairTensors
    alarms: Tensor
    nodes: Tensor
    first: Tensor
    second: Tensor
    system_idx: Tensor
    of_pairs: Tensor | None = None


def make_fixed_list(
    positions: Tensor,
    numbers: Tensor,
    cell: FloatArray,
    pbc: NDArray[np.bool_],
    recipe: GraphRecipe,
    alarms: Tensor,
    *,
    skin_A: float,
) -> FixedList:
    """Search for the pairs of a structure, on the device of its positions.

    Args:
        positions: (n_atoms, 3) float64, Å.
        numbers: (n_atoms,) int64, atomic numbers, on the host.
        cell: (3, 3) Å; rows of non-periodic axes are ignored.
        pbc: (3,) periodicity per axis.
        recipe: a radius graph without a cap of neighbours.
        alarms: (119, 119) Å, by atomic numbers: distance below which a pair is to be reported; inf for every pair.
        skin_A: how much farther than the cutoff the list reaches.
    """
    cell = np.where(pbc[:, None], cell, 0.0)
    pairs = pairs_on_device(positions, cell, pbc, recipe.cutoff + skin_A)
    nodes = torch.nonzero(pairs.distance < node_radius(recipe, skin_A)).squeeze(1)
    triplets = triplets_on_device(pairs, nodes, positions.shape[0], recipe)
    return fixed_list(positions, numbers, cell, pbc, alarms, pairs, (nodes, *triplets), radius=recipe.cutoff + skin_A)


def node_radius(recipe: GraphRecipe, skin_A: float) -> float:
    """Å, below which a pair of a list can be a line node; 0 without a line graph."""
    return recipe.line_cutoff + skin_A if recipe.compute_line_graph else 0.0


def fixed_list(
    positions: Tensor,
    numbers: Tensor,
    cell: FloatArray,
    pbc: NDArray[np.bool_],
    alarms: Tensor,
    pairs: PairTensors,
    line: tuple[Tensor, Tensor, Tensor],
    *,
    radius: float,
) -> FixedList:
    """The list of one structure from its pairs, and from ``nodes``, ``first`` and ``second`` of its line graph."""
    here, periodic = numbers.to(positions.device), torch.from_numpy(pbc.copy()).to(positions.device)
    nodes, first, second = line
    return FixedList(
        positions=positions,
        numbers=here,
        host_numbers=numbers.numpy().copy(),
        cell=cell,
        pbc=pbc.copy(),
        periodic=periodic,
        radius=radius,
        pairs=pairs,
        alarms=alarms[here[pairs.src], here[pairs.dst]],
        nodes=nodes,
        first=first,
        second=second,
        system_idx=torch.zeros_like(here),
    )


def triplets_on_device(pairs: PairTensors, nodes: Tensor, n_atoms: int, recipe: GraphRecipe) -> tuple[Tensor, Tensor]:
    """As :func:`alignn_ff.graph.line_graph.line_pairs`, on the device of the pairs, none of which is there twice."""
    src, dst, shift = pairs.src[nodes], pairs.dst[nodes], pairs.shift[nodes].long()
    incoming = counted(dst, n_atoms)
    second, rank = expanded(incoming[src])
    first = (incoming.cumsum(0) - incoming)[src][second] + rank
    kept = torch.ones_like(first, dtype=torch.bool)
    if not recipe.back_tracking and src.shape[0]:
        most = [int(number) for number in shift.abs().amax(0).tolist()]
        back = packed_keys(src, dst, -shift, n_atoms, most)
        kept = packed_keys(dst, src, shift, n_atoms, most)[first] != back[second]
    if not recipe.own_image_angles:
        kept = kept & (first != second)
    chosen = torch.nonzero(kept).squeeze(1)
    return nodes[first[chosen]], nodes[second[chosen]]


def most_padding(capacity: int) -> int:
    """Rows of an array that may be padding; with more of it, smaller arrays are made."""
    return int(EMPTY_SHARE * capacity) + 2 * SPARE_ROWS


def capacities_for(n_edges: int, per_atom: int, n_line_nodes: int, n_triplets: int) -> Capacities:
    """Sizes with room for a graph that has a little more of everything."""
    line_nodes = int(SPARE * n_line_nodes) + 2 * PADDING_NODES if n_line_nodes else 0
    return Capacities(
        edges=int(SPARE * n_edges) + SPARE_ROWS + (line_nodes - n_line_nodes),
        per_atom=int(SPARE * per_atom) + 4,
        line_nodes=line_nodes,
        triplets=int(SPARE * n_triplets) + SPARE_ROWS if n_line_nodes else 0,
    )
