"""What a backend makes of a model, and what it may use."""

from typing import NamedTuple, Protocol

from alignn_ff.graph import AtomicGraph, AtomicSystem, Prediction


class Evaluate(Protocol):
    """What a backend makes of a model: energy, forces and stress of prepared input on the model's device."""

    def __call__(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> Prediction:
        """Prediction without autograd history."""


class Limits(NamedTuple):
    """What an evaluation may use.

    Attributes:
        memory_bytes: bound on what an evaluation holds beside its input; None is no bound.
    """

    memory_bytes: int | None = None
