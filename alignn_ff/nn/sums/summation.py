"""Who sums rows into segments: torch, or torch-scatter where a user asks for it.

In: rows, and the segments they belong to, prepared. Out: a row a segment. On the CPUs that were measured torch-scatter
is never the faster one (docs/kernels.md), so nothing takes it by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Final, Literal, Protocol

from torch import Tensor
from torch.nn.functional import pad

from alignn_ff.errors import ConfigError
from alignn_ff.torch_private import bag_sums

SummationName = Literal["torch", "scatter"]


class Summation(Protocol):
    """Sums of prepared rows, outside of automatic differentiation."""

    def __call__(self, values: Tensor, index: Tensor, order: Tensor, starts: Tensor) -> Tensor:
        """(n_segments, features) sums of the (n, features) rows; arguments as in ``Segments``."""


def by_torch(values: Tensor, index: Tensor, order: Tensor, starts: Tensor) -> Tensor:  # noqa: ARG001
    """On torch's embedding bags, which read rows in the order of their segments and write each sum once."""
    if order.shape[0] == 0:
        return values.new_zeros(starts.shape[0], values.shape[1])
    return bag_sums(values.contiguous(), order, starts)


def by_scatter(values: Tensor, index: Tensor, order: Tensor, starts: Tensor) -> Tensor:
    """On torch-scatter: by the index on a CPU, segment by segment on a GPU, the same bits each time."""
    import torch_scatter

    if values.device.type == "cpu":
        by_index: Tensor = torch_scatter.scatter_sum(values, index, dim=0, dim_size=starts.shape[0])
        return by_index
    ends = pad(starts, (0, 1), value=order.shape[0])
    by_segment: Tensor = torch_scatter.segment_sum_csr(values[order], ends)
    return by_segment


def torch_scatter_is_installed() -> bool:
    """Whether there is a torch-scatter to import; it is not imported."""
    return find_spec("torch_scatter") is not None


SUMMATIONS: Final[dict[str, Summation]] = {"torch": by_torch, "scatter": by_scatter}
"""Name → how rows are summed."""

AVAILABLE: Final[dict[str, Callable[[], bool]]] = {"torch": lambda: True, "scatter": torch_scatter_is_installed}


@contextmanager
def summing(name: SummationName) -> Iterator[None]:
    """Sums over neighbours that start inside are made in this way, and their derivatives too.

    Raises:
        ConfigError: what it needs is not installed.
    """
    refusal = summation_refusal(name)
    if refusal is not None:
        raise ConfigError(refusal)
    token = _IN_USE.set(SUMMATIONS[name])
    try:
        yield
    finally:
        _IN_USE.reset(token)


def summation_refusal(name: SummationName) -> str | None:
    """Why sums cannot be made in this way here, None where they can."""
    if AVAILABLE[name]():
        return None
    return (
        "torch-scatter is not installed here; install it after torch, "
        "`pip install torch-scatter --no-build-isolation` (some minutes of compiling)"
    )


def summation_in_use() -> Summation:
    """How rows are summed here and now."""
    return _IN_USE.get()


_IN_USE: ContextVar[Summation] = ContextVar("summation in use", default=by_torch)
