"""Whether an evaluation will fit, decided before it starts.

In: the size of an evaluation. Out: nothing, a warning in the log, or an error with the memory that would be needed and
what to change.
"""

import logging
from collections.abc import Callable
from typing import Final

import torch

from alignn_ff.errors import MemoryLimitError
from alignn_ff.execution.available import available_bytes
from alignn_ff.execution.backends import BACKENDS
from alignn_ff.execution.contract import Limits
from alignn_ff.execution.memory import forecast_bytes, held_bytes
from alignn_ff.execution.published.memory import beyond_limit
from alignn_ff.graph import AtomicSystem, GraphRecipe, GraphSize, expected_size, size_by_density
from alignn_ff.models import ModelConfig

log = logging.getLogger(__name__)

SAFETY: Final = 0.75
"""An evaluation is refused when this much of the forecast is more than there is; forecasts are right within 25 %."""

WORTH_SAMPLING: Final = 20_000
"""Number of atoms from which the size of a graph is estimated before it is built."""

MOST_NEIGHBORS: Final = 2000
"""Neighbours of an atom by density, from which a structure of any size is judged before its graph is built."""

GROWTH: Final = 1.05
"""A run whose forecast grows by less than this is not judged again: its own memory is in use already."""


class MemoryGate:
    """Judges every evaluation on one backend, under one limit, that is larger than those before.

    Attributes:
        admitted_bytes: the largest forecast that was let through.
        admitted_atoms: the largest structure that was let through before its graph was built.
    """

    def __init__(
        self,
        backend: str,
        config: ModelConfig,
        limits: Limits,
        *,
        dtype: torch.dtype,
        device: torch.device,
        available: Callable[[torch.device], int | None] = available_bytes,
    ) -> None:
        self._backend, self._config, self._limits = backend, config, limits
        self._itemsize, self._device, self._available = dtype.itemsize, device, available
        self.admitted_bytes = 0
        self.admitted_atoms = WORTH_SAMPLING

    def admit_structure(self, system: AtomicSystem, recipe: GraphRecipe) -> None:
        """Judge a structure whose graph is about to be built.

        Raises:
            MemoryLimitError: its evaluation cannot fit.
        """
        n_atoms, dense = system.positions.shape[0], size_by_density(system, recipe)
        if dense is not None and dense.n_edges > MOST_NEIGHBORS * n_atoms:
            self.admit(dense)  # before a search, which would itself not fit
        if n_atoms > self.admitted_atoms:
            self.admit(expected_size(system, recipe))
            self.admitted_atoms = n_atoms

    def admit(self, size: GraphSize) -> None:
        """Judge an evaluation with forces that is about to start.

        Raises:
            MemoryLimitError: it cannot fit.
        """
        needed = self._forecast(self._backend, size)
        self._compare_with_limit(size)
        if needed is None or needed <= GROWTH * self.admitted_bytes:
            return
        available = self._available(self._device)
        if available is not None and SAFETY * needed > available:
            raise MemoryLimitError(self._refusal(size, needed, available))
        if available is not None and needed > available:
            log.warning("%s; it may not fit", _in_words(size, needed, available))
        self.admitted_bytes = needed

    def fits(self, size: GraphSize) -> bool:
        """Whether the forecast of an evaluation is within the memory, or not known."""
        needed = self._forecast(self._backend, size)
        if needed is None or needed <= GROWTH * self.admitted_bytes:
            return True
        available = self._available(self._device)
        return available is None or needed <= available

    def record(self, size: GraphSize) -> None:
        """Let later evaluations of this size through: one has succeeded, and its memory is in use."""
        self.admitted_bytes = max(self.admitted_bytes, self._forecast(self._backend, size) or 0)

    def _compare_with_limit(self, size: GraphSize) -> None:
        """Refuse what the user's limit is too small for; the size may be an expectation, hence the margin."""
        limit = self._limits.memory_bytes
        held = held_bytes(self._backend, self._config, size, limits=self._limits, itemsize=self._itemsize)
        if limit is not None and held is not None and SAFETY * held > limit:
            raise beyond_limit(size, held, limit)

    def _forecast(self, backend: str, size: GraphSize, limits: Limits | None = None) -> int | None:
        within = self._limits if limits is None else limits
        return forecast_bytes(backend, self._config, size, limits=within, itemsize=self._itemsize)

    def _refusal(self, size: GraphSize, needed: int, available: int) -> str:
        fitting = int(size.n_atoms * available / needed)
        fewer = f"take a structure of at most {_rounded_down(fitting):,} atoms"
        if not fitting:
            fewer = f"give the cell in Å (its atoms have {size.n_edges / size.n_atoms:,.0f} neighbours each)"
        advice = [fewer, "a device with more memory"]
        for backend in sorted(name for name, row in BACKENDS.items() if row.rank is not None):
            other = self._forecast(backend, size)
            if other is not None and other < min(available, needed):
                advice.append(f"the backend {backend!r}, which needs about {_gib(other)}")
        smallest = Limits(memory_bytes=0)
        if held_bytes(self._backend, self._config, size, limits=smallest, itemsize=self._itemsize) is not None:
            least = self._forecast(self._backend, size, smallest)
            if least is not None and least < min(available, needed):
                advice.append(f"a limit of memory (--memory-limit), which costs speed: the least is {_gib(least)}")
        if self._itemsize > 4:
            advice.append("dtype float32")
        return f"{_in_words(size, needed, available)}; {', or '.join(advice)}"


def _in_words(size: GraphSize, needed: int, available: int) -> str:
    return (
        f"an evaluation of {size.n_atoms:,} atoms (about {size.n_edges:,} bonds, {size.n_triplets:,} angles) needs "
        f"about {_gib(needed)} of memory, and {_gib(available)} are available"
    )


def _gib(amount: int) -> str:
    return f"{amount / 2**30:,.{0 if amount > 2**35 else 1}f} GiB"


def _rounded_down(number: int) -> int:
    """To two digits."""
    kept = max(len(str(number)) - 2, 0)
    return int(str(number)[:-kept] + "0" * kept) if kept else number
