"""Laws of the memory that an evaluation takes, which the rows of ``backends.py`` refer to.

In: a model's config, the size of a graph. Out: bytes at the peak, beside the model and the graph. A law is a sum of
numbers held for each triplet, edge and line node; its coefficients are measured, by ``benchmarks/memory.py``. Backends
that work in blocks count their arrays.
"""

from typing import Final, NamedTuple

import numpy as np

from alignn_ff.execution.contract import Limits
from alignn_ff.execution.published.memory import ROWS, SCRATCH_BYTES, choose_keep
from alignn_ff.graph import GraphSize
from alignn_ff.models import LayerSizes, ModelConfig
from alignn_ff.models.published.config import ArchitectureConfig

TERMS: Final = (
    "channels of a triplet in each angle layer",
    "channels of a triplet",
    "inputs of a triplet",
    "float64 of a triplet",
    "channels of an edge in each layer",
    "channels of an edge",
    "inputs of an edge",
    "float64 of an edge",
    "channels of a line node in each angle layer",
    "channels of a line node",
    "channels that an edge sends to moments and receives from them, in each layer",
    "arrays of the moments on compiled kernels, counted",
)
"""What a measured law has a coefficient for: how often each of these is held at the peak."""


class Measured(NamedTuple):
    """Coefficients of :data:`TERMS`."""

    coefficients: tuple[float, ...]

    def __call__(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int:  # noqa: ARG002
        """See :class:`MemoryLaw`."""
        return round(float(np.dot(self.coefficients, terms(config, size, itemsize=itemsize))))


class InBlocks(NamedTuple):
    """Counted arrays; what may stay between the passes follows from a limit of memory, which such a backend keeps.

    Attributes:
        block_rows: edges of a block on torch's operations; 0: blocks are too small to count.
    """

    block_rows: int

    def __call__(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
        """See :class:`MemoryLaw`."""
        held = self.held(config, size, limits=limits, itemsize=itemsize)
        return None if held is None else SCRATCH_BYTES + held

    def held(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
        """What counts as held under a limit; the least that is possible where that is more."""
        if not config.outputs.averages_neighbours:
            return None
        assert isinstance(config, ArchitectureConfig)
        return choose_keep(config, size, limits.memory_bytes, itemsize=itemsize, block_rows=self.block_rows)[1]


SMOOTH: Final = Measured((2.95, 4.2, 0.0, 0.0, 3.6, 2.5, 6.5, 0.0, 0.0, 0.0, 3.4, 0.0))
SMOOTH_ON_KERNELS: Final = Measured((0.2, 0.8, 0.0, 0.0, 0.5, 0.2, 0.0, 26.0, 5.1, 4.4, 0.0, 1.0))
PUBLISHED: Final = Measured((6.2, 1.3, 2.4, 0.0, 8.5, 0.0, 6.4, 0.0, 16.1, 0.0, 0.0, 0.0))
ON_TORCH: Final = InBlocks(ROWS)
ON_KERNELS: Final = InBlocks(0)

BYTES_PER_EDGE: Final = 130
BYTES_PER_TRIPLET: Final = 25
"""What building and keeping a graph takes."""


def graph_bytes(size: GraphSize) -> int:
    """What building a graph takes, and more than what keeping it does."""
    return BYTES_PER_EDGE * size.n_edges + BYTES_PER_TRIPLET * size.n_triplets


def terms(config: ModelConfig, size: GraphSize, *, itemsize: int) -> list[float]:
    """Bytes of each of :data:`TERMS`, held once."""
    layers = config.layer_sizes
    assert layers is not None, "a family with a measured law has layers"
    width = itemsize * layers.channels
    triplets = size.n_triplets if layers.n_angle else 0
    line_nodes = size.n_line_nodes if layers.n_angle else 0
    return [
        width * triplets * layers.n_angle,
        width * triplets,
        itemsize * (layers.triplet_inputs + layers.inner) * triplets,
        8 * triplets,
        width * size.n_edges * (layers.n_angle + layers.n_bond),
        width * size.n_edges,
        itemsize * (layers.edge_inputs + layers.inner) * size.n_edges,
        8 * size.n_edges,
        width * line_nodes * layers.n_angle,
        width * line_nodes,
        *_moment_terms(layers, size, itemsize=itemsize),
    ]


def _moment_terms(layers: LayerSizes, size: GraphSize, *, itemsize: int) -> tuple[float, float]:
    """The terms of moments, see ``nn/moments.py`` and ``native/source/smooth/smooth_moments.h``."""
    n_layers, sent = layers.n_angle + layers.n_bond, layers.max_moment * layers.moment_channels
    if sent == 0:
        return 0.0, 0.0
    n_harmonics = layers.max_moment * (layers.max_moment + 2)
    received = 2 * layers.channels * (n_layers - 1)
    per_atom = n_harmonics * layers.moment_channels
    counted = size.n_edges * (2 * n_harmonics + received) + size.n_atoms * (
        n_layers * (per_atom + sent + layers.channels) + 2 * per_atom
    )
    return itemsize * size.n_edges * (n_layers * sent + received), itemsize * counted
