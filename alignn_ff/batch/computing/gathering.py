"""An executor that evaluates the structures of several threads in one pass through the network.

A pass begins when every member has asked for an evaluation, so which structures are in it does not depend on timing. A
pass that raises is halved until the culprit stands alone; only its thread gets the error.
"""

import threading
from typing import Final, Self

from alignn_ff.errors import AlignnError, ConfigError
from alignn_ff.execution import Executor
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction, batch_graphs, batch_systems
from alignn_ff.potential import Potential
from alignn_ff.preparing import split_prediction

MOST_ATOMS: Final = 1000
"""Atoms of one pass; more are not faster on a CPU."""


class _Request:
    """One structure that a thread waits for."""

    def __init__(self, place: int, system: AtomicSystem, graph: AtomicGraph) -> None:
        self.place, self.system, self.graph = place, system, graph
        self.prediction: TensorPrediction | None = None
        self.error: Exception | None = None

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.system.positions.shape[0]

    @property
    def over(self) -> bool:
        """Whether it was evaluated."""
        return self.prediction is not None or self.error is not None


class GatheringExecutor(Executor):
    """Executes one model for several threads; results go to the CPU.

    Attributes:
        place: of the structure that a thread computes; passes are in this order.
    """

    @classmethod
    def of(cls, potential: Potential) -> Self:
        """With the model, backend and limits of a potential."""
        executor = potential.executor
        made = cls(
            potential.model,
            potential.header.model,
            backend=executor.requested,
            limits=executor.limits,
            dtype=potential.dtype,
            device=potential.device,
        )
        if made.backend != executor.backend:
            made.use_if_possible(executor.backend)
        made._condition, made._own = threading.Condition(), threading.local()
        made._pending, made._members, made._closed = [], 0, False
        return made

    _condition: threading.Condition
    _own: threading.local
    _pending: list[_Request]
    _members: int
    _closed: bool

    def join(self) -> None:
        """One more thread will ask; called before it does."""
        with self._condition:
            self._members += 1

    def leave(self) -> None:
        """One thread less will ask."""
        with self._condition:
            self._members -= 1
            self._pass_if_complete()

    def close(self) -> None:
        """End all that wait."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def computes(self, place: int) -> None:
        """The present thread computes the structure at a place of the input."""
        self._own.place = place

    def evaluate(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool = True) -> TensorPrediction:
        """As the base; one structure with derivatives waits for those of the other threads."""
        if system.cell.shape[0] != 1 or not derivatives:
            return super().evaluate(system, graph, derivatives=derivatives)
        request = _Request(getattr(self._own, "place", 0), system, graph)
        with self._condition:
            self._pending.append(request)
            self._pass_if_complete()
            while not request.over and not self._closed:
                self._condition.wait()
        if request.error is not None:
            raise request.error
        if request.prediction is None:
            raise ConfigError("the batch was ended")
        return request.prediction

    def _pass_if_complete(self) -> None:
        if not self._pending or len(self._pending) < self._members:
            return
        pending, self._pending = sorted(self._pending, key=lambda request: request.place), []
        for group in _groups(pending):
            self._evaluate_group(group)
        self._condition.notify_all()

    def _evaluate_group(self, group: list[_Request]) -> None:
        systems, graphs = [one.system for one in group], [one.graph for one in group]
        try:
            found = super().evaluate(batch_systems(systems), batch_graphs(graphs))
        except (AlignnError, RuntimeError) as error:  # RuntimeError: whatever torch raises
            if len(group) == 1:
                group[0].error = error
                return
            half = len(group) // 2
            self._evaluate_group(group[:half])
            self._evaluate_group(group[half:])
            return
        for one, prediction in zip(group, split_prediction(found, [one.n_atoms for one in group]), strict=True):
            one.prediction = prediction


def _groups(pending: list[_Request]) -> list[list[_Request]]:
    """In order, each of at most MOST_ATOMS atoms, or of one structure."""
    groups: list[list[_Request]] = []
    n_atoms = MOST_ATOMS
    for request in pending:
        if n_atoms + request.n_atoms > MOST_ATOMS:
            groups.append([])
            n_atoms = 0
        groups[-1].append(request)
        n_atoms += request.n_atoms
    return groups
