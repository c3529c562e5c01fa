"""What lies between edge vectors and the network: lengths, embedded bonds, cosines of angles, short-range terms.

There are few numbers per atom, so torch differentiates all but the cosines; bonds are embedded one block at a time.
"""

import torch
from torch import Tensor

from alignn_ff.execution.published.network import Outcome
from alignn_ff.execution.published.topology import LineTopology
from alignn_ff.graph import AtomicGraph, bond_cosines
from alignn_ff.models.published.atomwise import AtomwiseEnergy

BONDS_AT_ONCE = 8192
ANGLES_AT_ONCE = 65536


class Geometry:
    """Lengths and directions of the bonds of a graph.

    Args:
        model: its embedding of lengths and its short-range terms are used.
        graph: of one structure or several.
        vectors: (n_edges, 3) float64, Å.
    """

    def __init__(self, model: AtomwiseEnergy, graph: AtomicGraph, vectors: Tensor) -> None:
        self.model, self.graph = model, graph
        self.length: Tensor = torch.linalg.vector_norm(vectors, dim=1)
        self.unit: Tensor = vectors / self.length[:, None]

    def states(self) -> Tensor:
        """(n_edges, width) embedded bonds."""
        parts = [self._embedded(length) for length in self.length.split(BONDS_AT_ONCE)]
        return torch.cat(parts)

    def short_range(self) -> Tensor:
        """(n_atoms,) float64, eV, penalty and ZBL of each atom."""
        return self._short_range(self.length)

    def cosines(self, line: LineTopology) -> Tensor:
        """(n_triplets,) float64, in the order of the line graph's rows."""
        result = self.length.new_empty(line.order.shape[0])
        for rows in _runs(line.order.shape[0]):
            first, second = self._bonds_of(line, rows)
            result[rows] = bond_cosines(*(self.unit.index_select(0, bonds) for bonds in (first, second)))
        return result

    def pull_back(self, outcome: Outcome, line: LineTopology) -> Tensor:
        """(n_edges, 3) ∂E/∂(edge vectors) from the derivatives by what the network started from."""
        d_length = self._short_range_slope()
        if outcome.lengths is not None:
            d_length += outcome.lengths
        if outcome.states is not None:
            self._embedding_pulled_back(outcome.states, d_length)
        gradient = d_length[:, None] * self.unit
        if outcome.cosines is not None:
            d_unit = self._units_pulled_back(outcome.cosines, line)
            along = (d_unit * self.unit).sum(1, keepdim=True)
            gradient += (d_unit - along * self.unit) / self.length[:, None]
        return gradient

    def _embedding_pulled_back(self, d_states: Tensor, d_length: Tensor) -> None:
        """Add what the embedding of bonds hands down."""
        for rows in _runs(self.length.shape[0], BONDS_AT_ONCE):
            with torch.enable_grad():
                length = self.length[rows].detach().requires_grad_()
                embedded = self._embedded(length)
            d_length[rows] += torch.autograd.grad(embedded, length, d_states[rows])[0]

    def _embedded(self, length: Tensor) -> Tensor:
        network, bonds = self.model.network, self.model.shaped(length)
        dtype = network.atom_embedding.linear.weight.dtype
        states: Tensor = network.bond_embedding(network.bond_basis(bonds.length.to(dtype)))
        return states if bonds.weight is None else states * bonds.weight[:, None].to(dtype)

    def _short_range(self, length: Tensor) -> Tensor:
        penalty, zbl = self.model.short_range(self.graph, length, self.model.shaped(length))
        return penalty + zbl

    def _short_range_slope(self) -> Tensor:
        with torch.enable_grad():
            length = self.length.detach().requires_grad_()
            energy = self._short_range(length).sum()
        if not energy.requires_grad:
            return torch.zeros_like(self.length)
        return torch.autograd.grad(energy, length, materialize_grads=True)[0]

    def _units_pulled_back(self, d_cosines: Tensor, line: LineTopology) -> Tensor:
        result = torch.zeros_like(self.unit)
        for rows in _runs(d_cosines.shape[0]):
            first, second = self._bonds_of(line, rows)
            by = -d_cosines[rows, None]
            result.index_add_(0, first, by * self.unit.index_select(0, second))
            result.index_add_(0, second, by * self.unit.index_select(0, first))
        return result

    def _bonds_of(self, line: LineTopology, rows: slice) -> tuple[Tensor, Tensor]:
        triplets = line.order[rows]
        return self.graph.line_src.index_select(0, triplets), self.graph.line_dst.index_select(0, triplets)


def _runs(n_rows: int, longest: int = ANGLES_AT_ONCE) -> list[slice]:
    return [slice(start, min(start + longest, n_rows)) for start in range(0, n_rows, longest)]
