"""The table of execution backends, and the choice among them.

``eager`` is the reference: readable, for every family and device. Any other backend gives the same energy, with
forces and stress that are the exact derivatives of what it reports, and passes the same physics contract.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from alignn_ff.errors import CompilerError, ConfigError
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.eager import build_eager
from alignn_ff.execution.native import build_native, native_refusal
from alignn_ff.log import get_logger
from alignn_ff.models import EnergyModel
from alignn_ff.native import cached_kernels

log = get_logger("execution")

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


def _kernels_are_there() -> bool:
    try:
        return cached_kernels() is not None
    except CompilerError as error:  # a cache that cannot be executed from, for one
        log.warning("passing over the native backend: %s", error)
        return False


BACKENDS: Final[dict[str, Backend]] = {
    "eager": Backend(refusal=lambda model: None, build=build_eager, at_once=lambda: True),  # noqa: ARG005
    "native": Backend(refusal=native_refusal, build=build_native, at_once=_kernels_are_there),
}
"""Name → backend."""

PREFERENCE: Final[tuple[str, ...]] = ("native", "eager")
"""Fastest first; "auto" takes the first that can run a model and start at once."""


COMPILE_SECONDS: Final = 30.0
"""What compiling costs, once a machine; generously."""

SAVED_SECONDS_PER_ATOM: Final = 3e-5
"""What an evaluation on compiled kernels saves, an atom; cautiously."""


def pays_to_compile(model: EnergyModel, *, n_evaluations: int, n_atoms: int) -> bool:
    """Whether compiling the native backend for so many evaluations would save time, where it can run the model."""
    saved = n_evaluations * n_atoms * SAVED_SECONDS_PER_ATOM
    return saved > COMPILE_SECONDS and BACKENDS["native"].refusal(model) is None


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
