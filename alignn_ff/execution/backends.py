"""The table of execution backends, and the choice among them.

``eager`` is the reference: readable, for every family and device. Any other backend gives the same energy, with
forces and stress that are the exact derivatives of what it reports, and passes the same physics contract.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from alignn_ff.errors import ConfigError
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.eager import build_eager
from alignn_ff.execution.native import build_native, native_refusal
from alignn_ff.models import EnergyModel
from alignn_ff.native import cached_kernels

BackendName = Literal["auto", "eager", "native"]


class Backend(NamedTuple):
    """One way to execute a model.

    Attributes:
        refusal: says why a model cannot run on it, None where it can.
        build: makes the evaluation of a model, which is on its device and in its dtype.
        at_once: says whether it can be built now without compiling anything.
    """

    refusal: Callable[[EnergyModel], str | None]
    build: Callable[[EnergyModel, Limits], Evaluate]
    at_once: Callable[[], bool]


BACKENDS: Final[dict[str, Backend]] = {
    "eager": Backend(refusal=lambda model: None, build=build_eager, at_once=lambda: True),  # noqa: ARG005
    "native": Backend(refusal=native_refusal, build=build_native, at_once=lambda: cached_kernels() is not None),
}
"""Name → backend."""

PREFERENCE: Final[tuple[str, ...]] = ("native", "eager")
"""Fastest first; "auto" takes the first that can run a model and start at once."""


def choose_backend(name: str, model: EnergyModel) -> str:
    """The backend that a user's word stands for.

    Raises:
        ConfigError: there is no such backend, or it cannot run this model.
    """
    if name == "auto":
        fits = (n for n in PREFERENCE if BACKENDS[n].refusal(model) is None and BACKENDS[n].at_once())
        return next(fits)
    if name not in BACKENDS:
        raise ConfigError(f"backend is {name!r}; allowed are auto, {', '.join(BACKENDS)}")
    reason = BACKENDS[name].refusal(model)
    if reason is not None:
        raise ConfigError(f"backend {name!r} cannot run this model: {reason}; take auto or eager")
    return name
