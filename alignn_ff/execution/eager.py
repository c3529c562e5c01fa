"""The reference backend: the model as it is written, differentiated by autograd."""

from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.graph import AtomicGraph, AtomicSystem, Prediction
from alignn_ff.models import EnergyModel, predict


def build_eager(model: EnergyModel, limits: Limits) -> Evaluate:  # noqa: ARG001 - one signature for all backends
    """Evaluate a model as it is written."""

    def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> Prediction:
        return predict(model, system, graph, derivatives=derivatives)

    return evaluate
