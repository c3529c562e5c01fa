"""The course of the learning rate, as pure functions of the step."""

import math
from collections.abc import Callable
from typing import Final


def onecycle(step: int, n_steps: int, n_warmup: int) -> float:
    """Cosine from 1/25 up to 1 over the warm-up, then cosine down to 4e-6 (PyTorch's OneCycleLR)."""
    start, end = 1 / 25, 1 / 25e4
    if step < n_warmup:
        return _cosine(start, 1.0, step / n_warmup)
    return _cosine(1.0, end, (step - n_warmup) / max(n_steps - n_warmup, 1))


def cosine(step: int, n_steps: int, n_warmup: int) -> float:
    """Linear warm-up, then cosine down to zero."""
    if step < n_warmup:
        return (step + 1) / n_warmup
    return _cosine(1.0, 0.0, (step - n_warmup) / max(n_steps - n_warmup, 1))


def constant(step: int, n_steps: int, n_warmup: int) -> float:  # noqa: ARG001 - one signature for all
    """Always 1."""
    return 1.0


SCHEDULES: Final[dict[str, Callable[[int, int, int], float]]] = {
    "onecycle": onecycle,
    "cosine": cosine,
    "none": constant,
}
"""Name in the config → (step, number of steps, steps of the warm-up) → factor on the learning rate."""


def _cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(fraction, 1.0)))
