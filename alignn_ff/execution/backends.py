"""The table of execution backends, and the choice among them.

``eager`` is the reference: readable, for every family and device. Any other backend gives the same energy, with
forces and stress that are the exact derivatives of what it reports, and passes the same physics contract.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from alignn_ff.errors import CompilerError, ConfigError
from alignn_ff.execution import published
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.eager import build_eager, build_scatter, scatter_refusal
from alignn_ff.execution.smooth.native import build_native, native_refusal
from alignn_ff.log import get_logger
from alignn_ff.models import EnergyModel
from alignn_ff.native import cached_kernels

log = get_logger("execution")

BackendName = Literal["auto", "eager", "blocked", "native", "scatter"]


class Backend(NamedTuple):
    """One way to execute a model.

    Attributes:
        refusal: says why a model cannot run on it, None where it can.
        build: makes the evaluation of a model, which is on its device and in its dtype.
        at_once: says whether it can be built now without compiling anything.
        keeps_limits: says whether an evaluation of a model keeps to :class:`Limits`.
    """

    refusal: Callable[[EnergyModel], str | None]
    build: Callable[[EnergyModel, Limits], Evaluate]
    at_once: Callable[[], bool]
    keeps_limits: Callable[[EnergyModel], bool]


def _kernels_are_there() -> bool:
    try:
        return cached_kernels() is not None
    except CompilerError as error:  # a cache that cannot be executed from, for one
        log.warning("passing over the native backend: %s", error)
        return False


def _native_refusal(model: EnergyModel) -> str | None:
    return published.native_refusal(model) if published.is_published(model) else native_refusal(model)


def _build_native(model: EnergyModel, limits: Limits) -> Evaluate:
    build = published.build_native if published.is_published(model) else build_native
    return build(model, limits)


def _always() -> bool:
    return True


def _never(_model: EnergyModel) -> None:
    return None


def _yes(_model: EnergyModel) -> bool:
    return True


def _no(_model: EnergyModel) -> bool:
    return False


BACKENDS: Final[dict[str, Backend]] = {
    "eager": Backend(_never, build_eager, at_once=_always, keeps_limits=_no),
    "blocked": Backend(published.refusal, published.build_blocked, at_once=_always, keeps_limits=_yes),
    "native": Backend(_native_refusal, _build_native, at_once=_kernels_are_there, keeps_limits=published.is_published),
    "scatter": Backend(scatter_refusal, build_scatter, at_once=_always, keeps_limits=_no),
}
"""Name → backend."""

PREFERENCE: Final[tuple[str, ...]] = ("native", "eager", "blocked")
"""Fastest first; "auto" takes the first that can run a model, keep to the limits, and start at once. ``scatter``
was nowhere measured to be the fastest one, so it is taken by name alone."""


COMPILE_SECONDS: Final = 30.0
"""What compiling costs, once a machine; generously."""

SAVED_SECONDS_PER_ATOM: Final = 3e-5
"""What an evaluation on compiled kernels saves, an atom; cautiously."""


def pays_to_compile(model: EnergyModel, *, n_evaluations: int, n_atoms: int) -> bool:
    """Whether compiling the native backend for so many evaluations would save time, where it can run the model."""
    saved = n_evaluations * n_atoms * SAVED_SECONDS_PER_ATOM
    return saved > COMPILE_SECONDS and BACKENDS["native"].refusal(model) is None


def choose_backend(name: str, model: EnergyModel, limits: Limits = Limits()) -> str:  # noqa: B008 - immutable
    """The backend that a user's word stands for.

    Raises:
        ConfigError: there is no such backend, or it cannot run this model, or not within the limits.
    """
    if name == "auto":
        fits = [n for n in PREFERENCE if _refusal(n, model, limits) is None and BACKENDS[n].at_once()]
        if not fits:
            raise ConfigError(f"memory_limit cannot be kept: {_refusal('eager', model, limits)}; leave it out")
        return fits[0]
    if name not in BACKENDS:
        raise ConfigError(f"backend is {name!r}; allowed are auto, {', '.join(BACKENDS)}")
    reason = _refusal(name, model, limits)
    if reason is not None:
        raise ConfigError(f"backend {name!r} cannot run this model: {reason}; take auto or eager")
    return name


def _refusal(name: str, model: EnergyModel, limits: Limits) -> str | None:
    reason = BACKENDS[name].refusal(model)
    if reason is None and limits.memory_bytes is not None and not BACKENDS[name].keeps_limits(model):
        return "only published force fields on the backends native and blocked keep to a memory_limit"
    return reason
