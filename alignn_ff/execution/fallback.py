"""What happens when a GPU runs out of memory: the evaluation is tried again in smaller blocks, with a warning."""

from collections.abc import Callable
from typing import Final

import torch

from alignn_ff.errors import MemoryLimitError
from alignn_ff.execution.available import available_bytes
from alignn_ff.execution.backends import BACKENDS
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.graph import AtomicGraph, AtomicSystem, Prediction
from alignn_ff.log import get_logger
from alignn_ff.models import EnergyModel

log = get_logger("execution")

SMALLEST_BYTES: Final = 64 * 2**20
"""A limit below this is not tried: blocks hardly shrink any further."""


class Frugal:
    """An evaluation that takes smaller blocks, for good, each time memory runs out.

    Attributes:
        backend: name of the backend in use.
        limits: what it may use.
    """

    def __init__(
        self,
        backend: str,
        model: EnergyModel,
        limits: Limits,
        *,
        device: torch.device,
        available: Callable[[torch.device], int | None] = available_bytes,
    ) -> None:
        self.backend, self.limits = backend, limits
        self._model, self._device, self._available = model, device, available
        self._evaluate: Evaluate = BACKENDS[backend].build(model, limits)

    def __call__(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> Prediction:
        """Prediction without autograd history.

        Raises:
            MemoryLimitError: not even the smallest blocks fit, or no backend for this model works in blocks.
        """
        while True:
            try:
                return self._evaluate(system, graph, derivatives=derivatives)
            except torch.OutOfMemoryError as error:
                reason = str(error).splitlines()[0]
            self._shrink(reason, system.positions.shape[0])  # out here the failed evaluation's tensors are gone

    def _shrink(self, reason: str, n_atoms: int) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        backend = self._working_in_blocks()
        before = self.limits.memory_bytes or self._available(self._device) or 0
        limit = before // 2
        if backend is None or limit < SMALLEST_BYTES:
            raise MemoryLimitError(
                f"the memory of {self._device} does not suffice for {n_atoms:,} atoms ({reason}); take a smaller "
                "structure, a smaller batch, or a device with more memory"
            )
        log.warning(
            "the memory of %s does not suffice for %d atoms; going on in blocks of at most %.3g GiB, which is slower",
            self._device,
            n_atoms,
            limit / 2**30,
        )
        self.backend, self.limits = backend, self.limits._replace(memory_bytes=limit)
        self._evaluate = BACKENDS[backend].build(self._model, self.limits)

    def _working_in_blocks(self) -> str | None:
        """The backend in use if it heeds a limit, else the first that does and can run the model."""
        candidates = (self.backend, *BACKENDS)
        return next((b for b in candidates if self._keeps_limits(b)), None)

    def _keeps_limits(self, name: str) -> bool:
        backend = BACKENDS[name]
        return backend.keeps_limits(self._model) and backend.refusal(self._model) is None
