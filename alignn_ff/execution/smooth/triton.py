"""The backend triton: ``alignn_smooth`` as it is written, its sums over neighbours on Triton kernels."""

from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.eager import build_eager
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction
from alignn_ff.models import EnergyModel
from alignn_ff.native import DTYPES, using
from alignn_ff.triton_kernels import find_triton, triton_refusal


def refuse_triton(model: EnergyModel) -> str | None:
    """Why a model cannot run on Triton kernels, None where it can; whether they compile is another question."""
    weight = next(model.parameters())
    if weight.dtype not in DTYPES:
        return f"it is for float32 and float64, and the model is in {weight.dtype}"
    return triton_refusal(weight.device)


def build_triton(model: EnergyModel, limits: Limits) -> Evaluate:
    """Evaluate a smooth model with its sums on Triton kernels.

    Raises:
        CompilerError: triton is not installed, cannot compile, or makes wrong sums.
    """
    kernels, eager = find_triton(), build_eager(model, limits)

    def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
        with using(kernels):
            return eager(system, graph, derivatives=derivatives)

    return evaluate
