"""What came of a step on the device: whether list and arrays sufficed, and whether pairs of atoms call for a look."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from alignn_ff.graph.fixed.lists import PADDING_NODES, Capacities, most_padding
from alignn_ff.graph.neighbors import FloatArray


class Status(NamedTuple):
    """What came of a step.

    Attributes:
        reserve_A: how much farther than the cutoff the list is reliable; below 0 pairs may be missing.
        n_edges, n_line_nodes, n_triplets: of the graph.
        most_edges, fewest_edges: of one atom.
        n_alarms: pairs closer than the distance below which they are to be reported.
    """

    reserve_A: float
    n_edges: int
    n_line_nodes: int
    n_triplets: int
    most_edges: int
    fewest_edges: int
    n_alarms: int

    @classmethod
    def of(cls, numbers: FloatArray) -> Self:
        """From the numbers that a step gives."""
        return cls(float(numbers[0]), *(int(number) for number in numbers[1:]))

    def fits(self, capacities: Capacities) -> bool:
        """Whether all of the graph is in the arrays, with some padding, and not too much of it."""
        return bool(fits(torch.tensor(self, dtype=torch.float64), capacities))


def fits(status: Tensor, capacities: Capacities) -> Tensor:
    """() bool, whether a graph is in its arrays, on the device of its status; see :meth:`Status.fits`.

    Args:
        status: (7,) float64.
        capacities: sizes of the arrays.
    """
    _, n_edges, n_line_nodes, n_triplets, most_edges, _, _ = status.unbind()
    spare = capacities.edges - n_edges
    spare_nodes = capacities.line_nodes - n_line_nodes
    spare_triplets = capacities.triplets - n_triplets
    margins = [
        spare - 1,
        most_padding(capacities.edges) - spare,
        capacities.per_atom - most_edges,
        spare_nodes - (PADDING_NODES if capacities.line_nodes else 0),
        spare - spare_nodes,
        spare_triplets,
        most_padding(capacities.triplets) - spare_triplets,
    ]
    return torch.stack(margins).amin() >= 0
