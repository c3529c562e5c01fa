"""How much memory an evaluation will take, before it is tried.

In: a backend, a model's config, the size of a graph. Out: bytes at the peak, beside the model itself. A law is a sum of
numbers held for each triplet, edge and line node; its coefficients are measured, by ``benchmarks/memory.py``.
"""

from typing import Final

import numpy as np

from alignn_ff.execution.contract import Limits
from alignn_ff.graph import GraphSize
from alignn_ff.models import ModelConfig

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
"""What a law has a coefficient for: how often each of these is held at the peak."""

Law = tuple[float, ...]

LAWS: Final[dict[tuple[str, str], Law]] = {
    ("eager", "alignn_smooth"): (2.95, 4.2, 0.0, 0.0, 3.6, 2.5, 6.5, 0.0, 0.0, 0.0),
    ("native", "alignn_smooth"): (0.2, 0.8, 0.0, 0.0, 0.5, 0.2, 0.0, 26.0, 5.1, 4.4),
    ("eager", "alignn_atomwise"): (6.2, 1.3, 2.4, 0.0, 8.5, 0.0, 6.4, 0.0, 16.1, 0.0),
}
"""(backend, family) → coefficients of :data:`TERMS` for energy, forces and stress."""

BOUNDED: Final = frozenset({"blocked"})
"""Backends that heed ``Limits.memory_bytes``."""

BYTES_PER_EDGE: Final = 130
BYTES_PER_TRIPLET: Final = 25
"""What building and keeping a graph takes."""


def forecast_bytes(backend: str, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
    """Peak of one evaluation with forces and stress, its graph included; None where no law was measured.

    Args:
        backend: name of an execution backend.
        config: of the model.
        size: of the graph.
        limits: a bound on memory holds where the backend heeds it.
        itemsize: bytes of a number of the network, 4 for float32.
    """
    law = LAWS.get((backend, config.name))
    unbounded = None if law is None else round(float(np.dot(law, terms(config, size, itemsize=itemsize))))
    limit = limits.memory_bytes if backend in BOUNDED else None
    known = [amount for amount in (unbounded, limit) if amount is not None]
    return graph_bytes(size) + min(known) if known else None


def graph_bytes(size: GraphSize) -> int:
    """What building a graph takes, and more than what keeping it does."""
    return BYTES_PER_EDGE * size.n_edges + BYTES_PER_TRIPLET * size.n_triplets


def terms(config: ModelConfig, size: GraphSize, *, itemsize: int) -> list[float]:
    """Bytes of each of :data:`TERMS`, held once."""
    width = itemsize * config.hidden_features
    inner = getattr(config, "embedding_features", 0)
    n_layers = config.alignn_layers + config.gcn_layers
    triplets = size.n_triplets if config.alignn_layers else 0
    line_nodes = size.n_line_nodes if config.alignn_layers else 0
    return [
        width * triplets * config.alignn_layers,
        width * triplets,
        itemsize * (config.triplet_input_features + inner) * triplets,
        8 * triplets,
        width * size.n_edges * n_layers,
        width * size.n_edges,
        itemsize * (config.edge_input_features + inner) * size.n_edges,
        8 * size.n_edges,
        width * line_nodes * config.alignn_layers,
        width * line_nodes,
    ]
