"""The one owner of how a potential is executed: backend, limits, memory gate, and what happens when memory runs out.

In: a model and what the user asked for. Out: predictions. When a GPU runs out of memory, the evaluation is repeated in
smaller blocks, with a warning; from then on the gate judges by the law of the new backend and its limit.
"""

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

import torch

from alignn_ff.errors import CompilerError, MemoryLimitError
from alignn_ff.execution.admission import MemoryGate
from alignn_ff.execution.available import available_bytes
from alignn_ff.execution.backends import BACKENDS, built, choose_backend, keeps_limits, worth_compiling
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.forks import refuse_lost_threads
from alignn_ff.graph import AtomicGraph, AtomicSystem, GraphRecipe, GraphSize, TensorPrediction, graph_size
from alignn_ff.models import EnergyModel, ModelConfig

log = logging.getLogger(__name__)

SMALLEST_BYTES: Final = 64 * 2**20
"""A limit below this is not tried: blocks hardly shrink any further."""


class _Running(NamedTuple):
    """What executes now; replaced as a whole."""

    backend: str
    limits: Limits
    evaluate: Evaluate
    gate: MemoryGate


class Executor:
    """Executes one model.

    Args:
        model: on ``device``, its parameters in ``dtype``.
        config: of the model.
        backend: "auto", or a backend.
        limits: what an evaluation may use.
        dtype: of the network.
        device: where it runs.
        available: bytes that a device has to give; None where that is not known.

    Raises:
        ConfigError: the backend cannot run this model, or not within the limits.
        CompilerError: the backend has to be compiled, and cannot be.
    """

    def __init__(
        self,
        model: EnergyModel,
        config: ModelConfig,
        *,
        backend: str = "auto",
        limits: Limits | None = None,
        dtype: torch.dtype,
        device: torch.device,
        available: Callable[[torch.device], int | None] = available_bytes,
    ) -> None:
        self._model, self._config, self._requested = model, config, backend
        self._dtype, self._device, self._available = dtype, device, available
        limits = limits or Limits()
        self._running = self._started(choose_backend(backend, config.name, model, limits), limits)

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._running.backend

    @property
    def requested(self) -> str:
        """What the user asked for: "auto", or a backend."""
        return self._requested

    @property
    def limits(self) -> Limits:
        """What an evaluation may use now: what was asked for, or less after memory ran out."""
        return self._running.limits

    @property
    def program(self) -> Evaluate:
        """The evaluation itself, without the gate and without what follows when memory runs out."""
        return self._running.evaluate

    def use(self, backend: str) -> None:
        """Change to another backend, with the limits that hold now.

        Raises:
            ConfigError: the backend cannot run this model, or not within the limits.
            CompilerError: the backend has to be compiled, and cannot be.
        """
        limits = self.limits
        self._running = self._started(choose_backend(backend, self._config.name, self._model, limits), limits)

    def expect(self, n_evaluations: int, *, n_atoms: int) -> None:
        """Announce a long run: compiles a faster backend if that pays and none was asked for by name.

        What was announced decides, not a timing, so a run that is repeated takes the same backend again.

        Args:
            n_evaluations: how many are to come.
            n_atoms: of the structure.
        """
        if self._requested != "auto":
            return
        family, total = self._config.name, n_evaluations * n_atoms
        faster = worth_compiling(self.backend, family, self._model, self.limits, n_atoms=total)
        if faster is None:
            return
        self.use_if_possible(faster)

    def use_if_possible(self, backend: str) -> None:
        """Change to another backend; if it cannot be compiled here, warn and keep the present one."""
        try:
            self.use(backend)
        except CompilerError as error:
            log.warning("staying with backend %s: %s", self.backend, error)

    def admit_structure(self, system: AtomicSystem, recipe: GraphRecipe) -> None:
        """Judge a structure whose graph is about to be built.

        Raises:
            MemoryLimitError: its evaluation cannot fit.
        """
        self._running.gate.admit_structure(system, recipe)

    def fits(self, size: GraphSize) -> bool:
        """Whether an evaluation is expected to fit into memory; for choosing what is evaluated together."""
        return self._running.gate.fits(size)

    def evaluate(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool = True) -> TensorPrediction:
        """Prediction without autograd history.

        Raises:
            MemoryLimitError: it cannot fit, or not even the smallest blocks did.
            ForkedProcessError: this process was forked after its parent had used torch's threads.
        """
        refuse_lost_threads(self._device)
        if derivatives:
            self._running.gate.admit(graph_size(graph))
        started = self._running
        while True:
            running = self._running
            try:
                prediction = running.evaluate(system, graph, derivatives=derivatives)
            except torch.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            else:
                if running is not started:
                    running.gate.record(graph_size(graph))
                return prediction
            self._shrink(running, reason, system.positions.shape[0])  # here the failed evaluation's tensors are freed

    def _started(self, backend: str, limits: Limits) -> _Running:
        execution = BACKENDS[backend].of(self._config.name)
        assert execution is not None, "choose_backend leaves out backends without a row for the family"
        gate = MemoryGate(
            backend, self._config, limits, dtype=self._dtype, device=self._device, available=self._available
        )
        return _Running(backend, limits, built(execution, self._model, limits), gate)

    def _shrink(self, failed: _Running, reason: str, n_atoms: int) -> None:
        """Take half the memory from now on, on a backend that works in blocks."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        candidates = (failed.backend, *BACKENDS)
        backend = next((name for name in candidates if keeps_limits(name, self._config.name, self._model)), None)
        limit = (failed.limits.memory_bytes or self._available(self._device) or 0) // 2
        if backend is None or limit < SMALLEST_BYTES:
            raise MemoryLimitError(
                f"the memory of {self._device} does not suffice for {n_atoms:,} atoms ({reason}); take a smaller "
                "structure, a smaller batch, or a device with more memory"
            )
        log.warning(
            "the memory of %s does not suffice for %d atoms; continuing in blocks of at most %.3g GiB, which is slower",
            self._device,
            n_atoms,
            limit / 2**30,
        )
        self._running = self._started(backend, failed.limits._replace(memory_bytes=limit))
