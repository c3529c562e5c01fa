"""What the row of a family on a backend holds: how to build an evaluation, and what memory it takes."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from alignn_ff.graph import AtomicGraph, AtomicSystem, GraphSize, TensorPrediction
from alignn_ff.models import EnergyModel, ModelConfig


class Evaluate(Protocol):
    """What a backend makes of a model: energy, forces and stress of prepared input on the model's device."""

    def __call__(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
        """Prediction without autograd history."""


class Limits(NamedTuple):
    """What an evaluation may use.

    Attributes:
        memory_bytes: limit of what an evaluation holds beside its input; None means no limit.
    """

    memory_bytes: int | None = None


class MemoryLaw(Protocol):
    """Bytes of an evaluation with energy, forces and stress, beside its graph."""

    def __call__(self, config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int | None:
        """Bytes; None where the law does not hold for a config."""


def never_refused(_model: EnergyModel) -> None:
    """For backends that run every model."""
    return


class Execution(NamedTuple):
    """How one backend runs one family of models.

    Attributes:
        build: makes the evaluation of a model, which is on its device and in its dtype.
        refusal: why a model of the family cannot run on the backend; None where it can.
        peak: law of the memory at the fullest moment; None where it was not measured.
        held: law of what an evaluation holds under a limit; None where it does not keep to :class:`Limits`.
    """

    build: Callable[[EnergyModel, Limits], Evaluate]
    refusal: Callable[[EnergyModel], str | None] = never_refused
    peak: MemoryLaw | None = None
    held: MemoryLaw | None = None
