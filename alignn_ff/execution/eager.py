"""The reference backend: the model as it is written, differentiated by autograd; also on the sums of torch-scatter."""

from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction
from alignn_ff.models import EnergyModel, predict
from alignn_ff.nn import summation_refusal, summing


def build_eager(model: EnergyModel, limits: Limits) -> Evaluate:  # noqa: ARG001 - one signature for all backends
    """Evaluate a model as it is written."""

    def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
        return predict(model, system, graph, derivatives=derivatives)

    return evaluate


def scatter_refusal(model: EnergyModel) -> str | None:  # noqa: ARG001 - one signature for all backends
    """Why sums cannot be made by torch-scatter here, None where they can."""
    return summation_refusal("scatter")


def build_scatter(model: EnergyModel, limits: Limits) -> Evaluate:
    """Evaluate a model as it is written, on the sums of torch-scatter."""
    eager = build_eager(model, limits)

    def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
        with summing("scatter"):
            return eager(system, graph, derivatives=derivatives)

    return evaluate
