"""Differentiable geometry: bond vectors, and cosines of bond angles."""

import torch
from torch import Tensor

from alignn_ff.graph.containers import AtomicGraph, AtomicSystem


def edge_vectors(system: AtomicSystem, graph: AtomicGraph) -> Tensor:
    """Vector along each edge, from its source atom to the periodic image of its target.

    Returns:
        (n_edges, 3) float64, Å. Differentiable in ``system.positions`` and ``system.cell``.
    """
    cell = system.cell[graph.system_idx[graph.edge_src]]
    translation = torch.einsum("ea,eab->eb", graph.edge_shift.to(cell.dtype), cell)
    return system.positions[graph.edge_dst] - system.positions[graph.edge_src] + translation


def bond_cosines(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of the angle at j between the bonds j-i and j-k, for edges i→j and j→k.

    Not clamped: rounding may exceed ±1 by a few ulp, and a clamp would zero derivatives at straight angles.

    Args:
        first: (n_triplets, 3) unit vectors of the edges i→j.
        second: (n_triplets, 3) unit vectors of the edges j→k.

    Returns:
        (n_triplets,) in the dtype of the vectors.
    """
    return -(first * second).sum(-1)
