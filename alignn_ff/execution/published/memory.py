"""What an evaluation in blocks holds at its fullest, beside input and tables, and what may stay within a limit.

``benchmarks/memory.py`` measures it.
"""

from typing import Final

from alignn_ff.errors import MemoryLimitError
from alignn_ff.execution.published.network import Keep
from alignn_ff.graph import GraphSize
from alignn_ff.models.published.config import ArchitectureConfig

ROWS: Final = 2048
"""Edges of a block on torch's operations."""
ATOM_ARRAYS: Final = 6
"""Arrays of (n_atoms, width) beside the states of each layer."""
BLOCK_ARRAYS: Final = 16
"""Arrays of (rows of a block, width) on torch's operations, with the coefficients of tables that each edge reads."""
KERNEL_ARRAYS: Final = 1
"""Arrays of (n_bonds, width) on kernels: two on their way to sources, less one in the place of another."""
SINGLE: Final = 4
"""Bytes of float32."""
PROJECTION_ARRAYS: Final = 10
"""Arrays of (bonds with angles, width) on torch's operations: projections, their derivatives, rows in and out."""
APART_ARRAYS: Final = 5
"""Arrays of (bonds without angles, width) on torch's operations, which updates them apart. Measured."""
SCRATCH_BYTES: Final = 8 * 2**20
"""Runs of bonds and angles whose geometry is worked on at once, whatever the size of the structure. Measured."""
INDEX_BYTES: Final = {"atoms": 64, "bonds": 200, "angles": 40}
"""Indices, geometry and its derivatives."""


def forecast(config: ArchitectureConfig, size: GraphSize, keep: Keep, itemsize: int, block_rows: int = 0) -> int:
    """Bytes at the fullest moment.

    Args:
        config: its numbers of layers and channels count.
        size: of the graph.
        keep: what stays between the passes.
        itemsize: bytes of a number of the network.
        block_rows: edges of a block on torch's operations; 0 where blocks are too small to count.
    """
    n_layers = config.alignn_layers + config.gcn_layers
    n_angle_layers = min(config.alignn_layers, max(n_layers - 1, 0))
    kept = max(n_angle_layers - 1, 0) if keep is Keep.GATES else min(max(n_angle_layers - 1, 0), 1)
    rows = size.n_triplets * kept + size.n_edges * (n_layers + n_angle_layers) + size.n_atoms * (n_layers + ATOM_ARRAYS)
    if itemsize > SINGLE or config.outputs.shapes_bonds:
        rows += size.n_edges  # embedded bonds, which no table gives
    if block_rows:
        again = 2 * max(n_angle_layers - 1, 0) if keep is Keep.STATES else 0
        together, apart = size.n_line_nodes * (PROJECTION_ARRAYS + again), size.n_edges - size.n_line_nodes
        rows += max(together, apart * APART_ARRAYS) * (n_angle_layers > 0)
    else:
        rows += size.n_edges * (KERNEL_ARRAYS if n_layers > 1 else KERNEL_ARRAYS + 1)
    indices = size.n_atoms * INDEX_BYTES["atoms"] + size.n_edges * INDEX_BYTES["bonds"]
    indices += size.n_triplets * INDEX_BYTES["angles"]
    return (rows + block_rows * BLOCK_ARRAYS) * config.hidden_features * itemsize + indices


def choose_keep(
    config: ArchitectureConfig, size: GraphSize, limit: int | None, *, itemsize: int, block_rows: int
) -> tuple[Keep, int]:
    """What stays between the passes under a limit in bytes, and the forecast of it: the least where nothing fits."""
    needed = {keep: forecast(config, size, keep, itemsize, block_rows) for keep in Keep}
    fitting = [keep for keep, n_bytes in needed.items() if limit is None or n_bytes <= limit]
    chosen = fitting[0] if fitting else min(needed, key=lambda keep: needed[keep])
    return chosen, needed[chosen]


def beyond_limit(size: GraphSize, needed: int, limit: int) -> MemoryLimitError:
    """The error of an evaluation that no choice brings below a limit."""
    return MemoryLimitError(
        f"an evaluation of {size.n_atoms:,} atoms with {size.n_triplets:,} angles needs {_gigabytes(needed)} at least, "
        f"and memory_limit is {_gigabytes(limit)}; allow more, or take a smaller structure or batch"
    )


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.2f} GB"
