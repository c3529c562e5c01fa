"""The lists of several structures as one, so that a device makes one graph of all of them, step after step.

In: structures on the host. Out: their joined list on a device, the sizes of the arrays for its graph, and what tells
how far the list still reaches when positions and cells move there.

The lists are made on the host, where the search for pairs of a small cell takes less time than a device needs to be
asked for one, and go to the device in one piece.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from alignn_ff.graph.containers import AtomicSystem
from alignn_ff.graph.fixed.lists import Capacities, FixedList, capacities_for, fixed_list, node_radius
from alignn_ff.graph.fixed.search import PairTensors
from alignn_ff.graph.fixed.update import Moved
from alignn_ff.graph.line_graph import line_pairs
from alignn_ff.graph.neighbors import NeighborPairs, radius_pairs
from alignn_ff.graph.recipe import GraphRecipe


class ManyFixed(NamedTuple):
    """Structures whose atoms and cells move on a device.

    Attributes:
        known: their joined list; ``cell`` and ``pbc`` have a first axis for the structures.
        capacities: sizes of the arrays of their graph.
        cell: (n_systems, 3, 3) Å, when the list was made, rows of non-periodic axes zero.
        inverse: (n_systems, 3, 3) pseudo-inverse of it.
    """

    known: FixedList
    capacities: Capacities
    cell: Tensor
    inverse: Tensor

    def moved(self, positions: Tensor, cell: Tensor) -> Moved:
        """Where atoms and cells are now, without a word from the host.

        The smallest singular value of F is bounded from below, by mean and spread of the eigenvalues of FᵀF: the
        bound is exact where all directions stretch alike.

        Args:
            positions: (n_atoms, 3) float64, Å.
            cell: (n_systems, 3, 3) Å.
        """
        periodic = torch.where(self.known.periodic[:, :, None], cell, 0.0)
        unit = torch.eye(3, dtype=cell.dtype, device=cell.device)
        deformation = unit + self.inverse @ (periodic - self.cell)
        squared = deformation.mT @ deformation
        mean = squared.diagonal(dim1=1, dim2=2).mean(1)
        spread = ((squared - mean[:, None, None] * unit).square().sum((1, 2)) / 6.0).sqrt()
        return Moved(positions, cell, deformation, (mean - 2.0 * spread).clamp(min=0.0).sqrt())


def join_lists(
    systems: Sequence[AtomicSystem], recipe: GraphRecipe, alarms: Tensor, device: torch.device, *, skin_A: float
) -> ManyFixed:
    """Search for the pairs of structures, and bring all that is needed to a device.

    Args:
        systems: one structure each, on the host.
        recipe: a radius graph without a cap of neighbours.
        alarms: (119, 119) Å, by atomic numbers, on the host; see :func:`make_fixed_list`.
        device: where the structures move.
        skin_A: how much farther than the cutoff the list reaches.
    """
    lists = [_fixed_list(system, recipe, alarms, skin_A=skin_A) for system in systems]
    sizes = [_sizes(each, recipe) for each in lists]
    n_edges, n_line_nodes, n_triplets = (sum(size[k] for size in sizes) for k in (0, 2, 3))
    cells = torch.from_numpy(np.stack([each.cell for each in lists]))
    inverses = torch.from_numpy(np.stack([np.linalg.pinv(each.cell) for each in lists]))
    return ManyFixed(
        known=_on(_joined(lists), device),
        capacities=capacities_for(n_edges, max(size[1] for size in sizes), n_line_nodes, n_triplets),
        cell=cells.to(device),
        inverse=inverses.to(device),
    )


def _fixed_list(system: AtomicSystem, recipe: GraphRecipe, alarms: Tensor, *, skin_A: float) -> FixedList:
    """As :func:`make_fixed_list`, by the searches of the host."""
    pbc = system.pbc[0].numpy()
    cell, numbers = np.where(pbc[:, None], system.cell[0].numpy(), 0.0), system.atomic_numbers
    radius = recipe.cutoff + skin_A
    pairs = radius_pairs(system.positions.numpy(), cell, pbc, radius)
    nodes = np.flatnonzero(pairs.distance < node_radius(recipe, skin_A)).astype(np.int64)
    first, second = line_pairs(
        NeighborPairs(*pairs),
        nodes,
        len(numbers),
        back_tracking=recipe.back_tracking,
        own_image_angles=recipe.own_image_angles,
    )
    tensors = PairTensors(*(torch.from_numpy(np.ascontiguousarray(field)) for field in pairs))
    line = (torch.from_numpy(nodes), torch.from_numpy(first), torch.from_numpy(second))
    return fixed_list(system.positions, numbers, cell, pbc, alarms, tensors, line, radius=radius)


def _sizes(each: FixedList, recipe: GraphRecipe) -> tuple[int, int, int, int]:
    """Edges, most edges of one atom, line nodes and triplets of the structure where it is."""
    inside = each.pairs.distance < recipe.cutoff
    close = inside & (each.pairs.distance < recipe.line_cutoff) if len(each.nodes) else torch.zeros_like(inside)
    incoming = torch.bincount(each.pairs.dst[inside], minlength=len(each.numbers))
    n_triplets = int((close[each.first] & close[each.second]).sum())
    return int(inside.sum()), int(incoming.max()), int(close.sum()), n_triplets


def _joined(lists: Sequence[FixedList]) -> FixedList:
    n_atoms = np.array([len(each.numbers) for each in lists])
    n_pairs = np.array([len(each.alarms) for each in lists])
    atoms, pairs = (torch.from_numpy(np.cumsum(count) - count) for count in (n_atoms, n_pairs))
    place = torch.arange(len(lists))

    def ids(field: str) -> Tensor:
        return torch.cat([getattr(each, field) + pairs[k] for k, each in enumerate(lists)])

    return FixedList(
        positions=torch.cat([each.positions for each in lists]),
        numbers=torch.cat([each.numbers for each in lists]),
        host_numbers=np.concatenate([each.host_numbers for each in lists]),
        cell=np.stack([each.cell for each in lists]),
        pbc=np.stack([each.pbc for each in lists]),
        periodic=torch.stack([each.periodic for each in lists]),
        radius=lists[0].radius,
        pairs=PairTensors(
            torch.cat([each.pairs.src + atoms[k] for k, each in enumerate(lists)]),
            torch.cat([each.pairs.dst + atoms[k] for k, each in enumerate(lists)]),
            torch.cat([each.pairs.shift for each in lists]),
            torch.cat([each.pairs.distance for each in lists]),
        ),
        alarms=torch.cat([each.alarms for each in lists]),
        nodes=ids("nodes"),
        first=ids("first"),
        second=ids("second"),
        system_idx=place.repeat_interleave(torch.from_numpy(n_atoms)),
        of_pairs=place.repeat_interleave(torch.from_numpy(n_pairs)),
    )


def _on(known: FixedList, device: torch.device) -> FixedList:
    """The same on a device, except for what stays on the host."""
    moved: dict[str, Any] = {
        name: field.to(device) for name, field in known._asdict().items() if isinstance(field, Tensor)
    }
    return known._replace(**moved, pairs=PairTensors(*(field.to(device) for field in known.pairs)))
