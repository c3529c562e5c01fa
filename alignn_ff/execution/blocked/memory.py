"""What an evaluation in blocks holds at its fullest, beside its input."""

from typing import Final

import torch

from alignn_ff.execution.blocked.network import Keep
from alignn_ff.graph import AtomicGraph
from alignn_ff.models.published_network import PublishedNetwork

BOND_ARRAYS: Final = 12
"""Arrays of (n_bonds, width) at the fullest moment beside the states of each layer: four projections, messages, their
derivatives, and what the line graph's pass back needs."""
ATOM_ARRAYS: Final = 10
"""Arrays of (n_atoms, width), likewise."""
BLOCK_ARRAYS: Final = 16
"""Arrays of (rows of a block, width) on torch's operations, with the six rows of a table that each edge reads."""
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
    n_line, n_all = len(network.angle_blocks), len(network.angle_blocks) + len(network.bond_blocks)
    kept = max(min(n_line, n_all - 1) - 1, 0)
    angle_arrays = kept if keep is Keep.GATES else min(kept, 1)
    rows = n_angles * angle_arrays + n_bonds * (n_all + BOND_ARRAYS) + n_atoms * (n_all + ATOM_ARRAYS)
    if keep is Keep.STATES and kept > 1:
        rows += 2 * (kept - 1) * n_bonds  # gates of the layers that are run again
    rows += block_rows * BLOCK_ARRAYS
    indices = n_atoms * INDEX_BYTES["atoms"] + n_bonds * INDEX_BYTES["bonds"] + n_angles * INDEX_BYTES["angles"]
    return rows * network.atom_embedding.linear.out_features * dtype.itemsize + indices
