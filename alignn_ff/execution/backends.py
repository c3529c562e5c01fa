"""The table of execution backends, and the choice among them.

``eager`` is the reference: readable, for every family and device. Any other backend gives the same energy, with
forces and stress that are the exact derivatives of what it reports, and passes the same physics contract.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from alignn_ff.errors import ConfigError
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.eager import build_eager
from alignn_ff.models import EnergyModel

BackendName = Literal["auto", "eager"]


class Backend(NamedTuple):
    """One way to execute a model.

    Attributes:
        refusal: says why a model cannot run on it, None where it can.
        build: makes the evaluation of a model, which is on its device and in its dtype.
    """

    refusal: Callable[[EnergyModel], str | None]
    build: Callable[[EnergyModel, Limits], Evaluate]


BACKENDS: Final[dict[str, Backend]] = {"eager": Backend(refusal=lambda model: None, build=build_eager)}  # noqa: ARG005
"""Name → backend."""

PREFERENCE: Final[tuple[str, ...]] = ("eager",)
"""What "auto" tries, fastest first; each must start at once, without compiling anything."""


def choose_backend(name: str, model: EnergyModel) -> str:
    """The backend that a user's word stands for.

    Raises:
        ConfigError: there is no such backend, or it cannot run this model.
    """
    if name == "auto":
        return next(candidate for candidate in PREFERENCE if BACKENDS[candidate].refusal(model) is None)
    if name not in BACKENDS:
        raise ConfigError(f"backend is {name!r}; allowed are auto, {', '.join(BACKENDS)}")
    reason = BACKENDS[name].refusal(model)
    if reason is not None:
        raise ConfigError(f"backend {name!r} cannot run this model: {reason}; take auto or eager")
    return name
