"""The two backends for published force fields, and what they do about a limit of memory."""

from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.published.contract import Engine
from alignn_ff.execution.published.evaluate import BlockedEvaluation
from alignn_ff.execution.published.memory import ROWS, beyond_limit, choose_keep
from alignn_ff.execution.published.native_engine import NativeEngine
from alignn_ff.execution.published.network import Resources
from alignn_ff.execution.published.torch_engine import TorchEngine
from alignn_ff.execution.published.weights import refusal
from alignn_ff.graph import AtomicGraph, graph_size
from alignn_ff.models import EnergyModel
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.native import DTYPES, find_kernels
from alignn_ff.native.arguments import CHANNELS, WIDEST


def native_refusal(model: EnergyModel) -> str | None:
    """Why a model cannot run on the C++ engine, None where it can; whether there is a compiler is another question."""
    reason = refusal(model)
    if reason is not None:
        return reason
    weight, width = next(model.parameters()), _width(model)
    if weight.device.type != "cpu" or weight.dtype not in DTYPES:
        return f"it is for float32 and float64 on the CPU, and the model is in {weight.dtype} on {weight.device}"
    if width % CHANNELS or width > WIDEST:
        return f"it is for hidden_features in multiples of {CHANNELS} up to {WIDEST}, and the model has {width}"
    return None


def build_native(model: EnergyModel, limits: Limits) -> Evaluate:
    """Evaluate on C++ kernels, compiling them if this machine has none yet.

    Raises:
        CompilerError: there is no compiler, or it failed.
    """
    return _build(model, NativeEngine(find_kernels()), 0, limits)


def build_blocked(model: EnergyModel, limits: Limits) -> Evaluate:
    """Evaluate on torch's own operations."""
    return _build(model, TorchEngine(ROWS), ROWS, limits)


def _build(model: EnergyModel, engine: Engine, block_rows: int, limits: Limits) -> Evaluate:
    assert isinstance(model, AtomwiseEnergy)
    dtype = next(model.parameters()).dtype

    def resources(graph: AtomicGraph) -> Resources:
        size, limit = graph_size(graph), limits.memory_bytes
        keep, needed = choose_keep(model.config, size, limit, itemsize=dtype.itemsize, block_rows=block_rows)
        if limit is not None and needed > limit:
            raise beyond_limit(size, needed, limit)
        return Resources(engine, keep)

    return BlockedEvaluation(model, resources)


def _width(model: EnergyModel) -> int:
    assert isinstance(model, AtomwiseEnergy)
    return model.network.atom_embedding.linear.out_features
