"""How much memory an evaluation will take, before it is tried: one forecast for all backends and families.

In: a backend, a model's config, the size of a graph. Out: bytes at the peak, beside the model itself. A law is a sum of
numbers held for each triplet, edge and line node; its coefficients are measured, by ``benchmarks/memory.py``. Backends
that work in blocks count their arrays.
"""

from typing import Final, NamedTuple, Protocol

import numpy as np

from alignn_ff.execution.contract import Limits
from alignn_ff.execution.published.memory import ROWS, SCRATCH_BYTES, choose_keep
from alignn_ff.graph import GraphSize
from alignn_ff.models import ModelConfig
from alignn_ff.models.published_config import ArchitectureConfig

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
)
"""What a measured law has a coefficient for: how often each of these is held at the peak."""


class Law(Protocol):
    """Bytes of an evaluation with energy, forces and stress, beside its graph."""

    def __call__(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int:
        """Bytes at the peak."""


class Measured(NamedTuple):
    """Coefficients of :data:`TERMS`."""

    coefficients: tuple[float, ...]

    def __call__(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int:  # noqa: ARG002
        """See :class:`Law`."""
        return round(float(np.dot(self.coefficients, terms(config, size, itemsize=itemsize))))


class InBlocks(NamedTuple):
    """Counted arrays; what may stay between the passes follows from a limit of memory, which such a backend keeps.

    Attributes:
        block_rows: edges of a block on torch's operations; 0: blocks are too small to count.
    """

    block_rows: int

    def __call__(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int:
        """See :class:`Law`."""
        return SCRATCH_BYTES + self.held(config, size, limits=limits, itemsize=itemsize)

    def held(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int:
        """What counts as held under a limit; the least that is possible where that is more."""
        assert isinstance(config, ArchitectureConfig)
        return choose_keep(config, size, limits.memory_bytes, itemsize=itemsize, block_rows=self.block_rows)[1]


SMOOTH: Final = Measured((2.95, 4.2, 0.0, 0.0, 3.6, 2.5, 6.5, 0.0, 0.0, 0.0))
PUBLISHED: Final = Measured((6.2, 1.3, 2.4, 0.0, 8.5, 0.0, 6.4, 0.0, 16.1, 0.0))
ON_TORCH, ON_KERNELS = InBlocks(ROWS), InBlocks(0)

LAWS: Final[dict[tuple[str, str], Law]] = {
    ("eager", "alignn_smooth"): SMOOTH,
    ("scatter", "alignn_smooth"): SMOOTH,
    ("native", "alignn_smooth"): Measured((0.2, 0.8, 0.0, 0.0, 0.5, 0.2, 0.0, 26.0, 5.1, 4.4)),
    **{
        (backend, family): law
        for family in ("alignn_atomwise", "alignn_atomwise_pure", "ealignn_atomwise")
        for backend, law in (
            ("eager", PUBLISHED),
            ("scatter", PUBLISHED),
            ("blocked", ON_TORCH),
            ("native", ON_KERNELS),
        )
    },
}
"""(backend, family) → law."""

BYTES_PER_EDGE: Final = 130
BYTES_PER_TRIPLET: Final = 25
"""What building and keeping a graph takes."""


def forecast_bytes(backend: str, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
    """Peak of one evaluation with forces and stress, its graph included; None where no law was measured.

    Args:
        backend: name of an execution backend.
        config: of the model.
        size: of the graph.
        limits: a bound on memory, which acts where the backend keeps it.
        itemsize: bytes of a number of the network, 4 for float32.
    """
    law = _law(backend, config)
    return None if law is None else graph_bytes(size) + law(config, size, limits=limits, itemsize=itemsize)


def held_bytes(backend: str, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
    """What a backend that works in blocks holds under a limit, as it counts itself; None for the other backends."""
    law = _law(backend, config)
    return law.held(config, size, limits=limits, itemsize=itemsize) if isinstance(law, InBlocks) else None


def _law(backend: str, config: ModelConfig) -> Law | None:
    law = LAWS.get((backend, config.name))
    attention = not config.outputs.averages_neighbours
    return None if attention and isinstance(law, InBlocks) else law


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
    ]
