"""How much memory an evaluation will take, before it is tried: one forecast for all backends and families."""

from alignn_ff.execution.backends import BACKENDS
from alignn_ff.execution.contract import Execution, Limits
from alignn_ff.execution.forecast import graph_bytes
from alignn_ff.graph import GraphSize
from alignn_ff.models import ModelConfig


def forecast_bytes(backend: str, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
    """Peak of one evaluation with forces and stress, its graph included; None where no law was measured.

    Args:
        backend: name of an execution backend.
        config: of the model.
        size: of the graph.
        limits: a limit of memory, which counts where the backend keeps to it.
        itemsize: bytes of a number of the network, 4 for float32.
    """
    execution = _execution(backend, config)
    if execution is None or execution.peak is None:
        return None
    peak = execution.peak(config, size, limits=limits, itemsize=itemsize)
    return None if peak is None else graph_bytes(size) + peak


def held_bytes(backend: str, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
    """What a backend that works in blocks holds under a limit, as it counts itself; None for the other backends."""
    execution = _execution(backend, config)
    if execution is None or execution.held is None:
        return None
    return execution.held(config, size, limits=limits, itemsize=itemsize)


def _execution(backend: str, config: ModelConfig) -> Execution | None:
    row = BACKENDS.get(backend)
    return None if row is None else row.of(config.name)
