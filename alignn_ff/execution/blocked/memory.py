"""What an evaluation in blocks holds at its fullest, beside its input."""

from typing import Final

import torch

from alignn_ff.execution.blocked.network import Keep
from alignn_ff.graph import AtomicGraph
from alignn_ff.models.published_network import PublishedNetwork

ATOM_ARRAYS: Final = 6
"""Arrays of (n_atoms, width) beside the states of each layer."""
OTHER_BOND_ARRAYS: Final = 3
"""Arrays of (n_bonds, width) beside what each layer leaves: derivatives, and two on their way to sources."""
PROJECTIONS: Final = 10
"""Arrays of (n_bonds, width) for projections on torch's operations, and for their derivatives; two more for each layer
that is run again."""
BLOCK_ARRAYS: Final = 16
"""Arrays of (rows of a block, width) on torch's operations, with the coefficients of tables that each edge reads."""
INDEX_BYTES: Final = {"atoms": 64, "bonds": 200, "angles": 40}
"""Indices, geometry and its derivatives."""


def forecast(network: PublishedNetwork, graph: AtomicGraph, keep: Keep, dtype: torch.dtype, block_rows: int = 0) -> int:
    """Bytes at the fullest moment, a bound.

    Args:
        network: its numbers of layers and channels count.
        graph: its numbers of atoms, bonds and angles count.
        keep: what stays between the passes.
        dtype: of the network.
        block_rows: edges of a block on torch's operations; 0 where blocks are too small to count.
    """
    n_atoms, n_bonds, n_angles = (t.shape[0] for t in (graph.atomic_numbers, graph.edge_src, graph.line_src))
    n_angle_layers = min(len(network.angle_blocks), len(network.angle_blocks) + len(network.bond_blocks) - 1)
    n_layers = len(network.angle_blocks) + len(network.bond_blocks)
    kept = max(n_angle_layers - 1, 0) if keep is Keep.GATES else min(max(n_angle_layers - 1, 0), 1)
    bond_arrays = n_layers + n_angle_layers + OTHER_BOND_ARRAYS
    if block_rows:
        bond_arrays += PROJECTIONS + (2 * max(n_angle_layers - 1, 0) if keep is Keep.STATES else 0)
    rows = n_angles * kept + n_bonds * bond_arrays + n_atoms * (n_layers + ATOM_ARRAYS) + block_rows * BLOCK_ARRAYS
    indices = n_atoms * INDEX_BYTES["atoms"] + n_bonds * INDEX_BYTES["bonds"] + n_angles * INDEX_BYTES["angles"]
    return rows * network.atom_embedding.linear.out_features * dtype.itemsize + indices
