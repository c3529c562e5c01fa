"""The execution backends, as a table: which there are, which families they run, and which one "auto" takes.

``eager`` is the reference: readable, for every family and device. Any other backend gives the same energy, with
forces and stress that are the exact derivatives of what it reports, and passes the same physics contract. A backend
from outside the package is one more row of :data:`BACKENDS`; a family on a backend is one more row of its ``families``.
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from alignn_ff.errors import CompilerError, ConfigError
from alignn_ff.execution import published
from alignn_ff.execution.contract import Evaluate, Execution, Limits
from alignn_ff.execution.eager import build_eager, build_scatter, scatter_refusal
from alignn_ff.execution.forecast import ON_KERNELS, ON_TORCH, PUBLISHED, SMOOTH, SMOOTH_ON_KERNELS
from alignn_ff.execution.smooth.native import build_native, native_refusal
from alignn_ff.execution.smooth.triton import build_triton, refuse_triton
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction
from alignn_ff.models import EnergyModel, mean_prediction
from alignn_ff.native import cached_kernels

log = logging.getLogger(__name__)

BackendName = str
"""auto, or a key of :data:`BACKENDS`."""


def _always() -> bool:
    return True


def _kernels_are_there() -> bool:
    try:
        return cached_kernels() is not None
    except CompilerError as error:  # a cache that is not this user's own, or that nothing can be executed from
        _warn_once(str(error))
        return False


@cache
def _warn_once(reason: str) -> None:
    log.warning("the backend native is left out: %s", reason)


class Backend(NamedTuple):
    """One way to execute models.

    Attributes:
        families: name of a family → how it runs.
        others: how a family without a row runs; None where it does not.
        at_once: whether the backend can be built now, without compiling anything.
        rank: place among those that "auto" tries, the smallest first; None: only by name.
        saved_s_per_atom: what an evaluation saves per atom once the backend is compiled, a cautious estimate; 0 where
            there is nothing to compile.
    """

    families: dict[str, Execution]
    others: Execution | None = None
    at_once: Callable[[], bool] = _always
    rank: int | None = None
    saved_s_per_atom: float = 0.0

    def of(self, family: str) -> Execution | None:
        """How a family runs; None where it does not."""
        return self.families.get(family, self.others)


def _published(row: Execution) -> dict[str, Execution]:
    return dict.fromkeys(("alignn_atomwise", "alignn_atomwise_pure", "ealignn_atomwise"), row)


_EAGER: Final[dict[str, Execution]] = {
    "alignn_smooth": Execution(build_eager, peak=SMOOTH),
    **_published(Execution(build_eager, peak=PUBLISHED)),
}

BACKENDS: Final[dict[str, Backend]] = {
    "native": Backend(
        {
            "alignn_smooth": Execution(build_native, native_refusal, peak=SMOOTH_ON_KERNELS),
            **_published(
                Execution(published.build_native, published.native_refusal, peak=ON_KERNELS, held=ON_KERNELS.held)
            ),
        },
        at_once=_kernels_are_there,
        rank=0,
        saved_s_per_atom=3e-5,
    ),
    "triton": Backend({"alignn_smooth": Execution(build_triton, refuse_triton, peak=SMOOTH)}),
    "eager": Backend(_EAGER, others=Execution(build_eager), rank=1),
    "blocked": Backend(
        _published(Execution(published.build_blocked, published.refusal, peak=ON_TORCH, held=ON_TORCH.held)), rank=2
    ),
    "scatter": Backend(
        {family: row._replace(build=build_scatter, refusal=scatter_refusal) for family, row in _EAGER.items()},
        others=Execution(build_scatter, scatter_refusal),
    ),
}
"""Name → backend. ``triton`` holds less than eager, whose law of memory is its upper bound; it was not measured
on a device, and ``scatter`` was nowhere the fastest one, so both are taken only by name."""

COMPILE_SECONDS: Final = 30.0
"""What compiling costs, once per machine; a generous estimate."""


def choose_backend(name: str, family: str, model: EnergyModel, limits: Limits = Limits()) -> str:  # noqa: B008 - immutable
    """The backend that a user's word stands for.

    Args:
        name: "auto" for the fastest that can run the model, keep to the limits, and start at once; or a backend.
        family: of the model.
        model: on its device, in its dtype.
        limits: that an evaluation has to keep.

    Raises:
        ConfigError: there is no such backend, or it cannot run this model, or not within the limits.
    """
    if name == "auto":
        ranked = _ranked()
        fits = (n for n in ranked if why_not(n, family, model, limits) is None and BACKENDS[n].at_once())
        chosen = next(fits, None)
        if chosen is None:
            raise ConfigError(f"memory_limit cannot be kept: {why_not('eager', family, model, limits)}; leave it out")
        return chosen
    if name not in BACKENDS:
        raise ConfigError(f"backend is {name!r}; allowed are auto, {', '.join(BACKENDS)}")
    reason = why_not(name, family, model, limits)
    if reason is not None:
        raise ConfigError(f"backend {name!r} cannot run this model: {reason}; take auto or eager")
    return name


def worth_compiling(backend: str, family: str, model: EnergyModel, limits: Limits, *, n_atoms: int) -> str | None:
    """The fastest backend that would save more time than compiling it takes, None where there is none.

    Args:
        backend: that runs now.
        family: of the model.
        model: on its device, in its dtype.
        limits: that an evaluation has to keep.
        n_atoms: over all evaluations to come.
    """
    for name in _ranked():
        if name == backend:
            return None
        saved = n_atoms * BACKENDS[name].saved_s_per_atom
        if saved > COMPILE_SECONDS and why_not(name, family, model, limits) is None:
            return name
    return None


def why_not(name: str, family: str, model: EnergyModel, limits: Limits = Limits()) -> str | None:  # noqa: B008 - immutable
    """Why a backend cannot run a model within limits; None where it can."""
    execution = BACKENDS[name].of(family)
    if execution is None:
        return f"it is for {', '.join(BACKENDS[name].families)}, and the model is an {family}"
    reason = execution.refusal(model.members[0])
    if reason is None and limits.memory_bytes is not None and execution.held is None:
        return "only published force fields on the backends native and blocked keep to a memory_limit"
    return reason


def built(execution: Execution, model: EnergyModel, limits: Limits) -> Evaluate:
    """The evaluation of a model; of a committee, its members share system and graph, and the result is their mean."""
    evaluations = [execution.build(member, limits) for member in model.members]
    if len(evaluations) == 1:
        return evaluations[0]

    def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
        return mean_prediction([each(system, graph, derivatives=derivatives) for each in evaluations])

    return evaluate


def keeps_limits(name: str, family: str, model: EnergyModel) -> bool:
    """Whether a backend can run a model in pieces that keep to a limit of memory."""
    execution = BACKENDS[name].of(family)
    return execution is not None and execution.held is not None and execution.refusal(model.members[0]) is None


def _ranked() -> list[str]:
    """Names of the backends that "auto" may take, in its order."""
    ranks = {name: backend.rank for name, backend in BACKENDS.items() if backend.rank is not None}
    return sorted(ranks, key=lambda name: ranks[name])
