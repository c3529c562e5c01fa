"""What a backend of this kind is made of, and how it keeps to a limit of memory."""

from alignn_ff.execution.blocked.evaluate import BlockedEvaluation, Resources
from alignn_ff.execution.blocked.network import Keep
from alignn_ff.execution.blocked.torch_engine import TorchEngine
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.graph import AtomicGraph
from alignn_ff.models import EnergyModel
from alignn_ff.models.published_atomwise import AtomwiseEnergy


def build_blocked(model: EnergyModel, limits: Limits) -> Evaluate:
    """Evaluate on torch's own operations."""
    assert isinstance(model, AtomwiseEnergy)
    return BlockedEvaluation(model, lambda graph: Resources(TorchEngine(4096), Keep.GATES))
