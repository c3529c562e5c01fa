"""A vector function of one number, tabulated: values and two derivatives at even knots, quintic between them (C²).

The states of an angle before the first layer, and what they add to its gates, depend on the cosine alone. Reading them
costs a few additions a channel in place of three matrix products. Derivatives are those of the table itself.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor


class Table(NamedTuple):
    """Quintic pieces.

    Attributes:
        low: first knot.
        step: distance of the knots.
        knots: (n_knots, 3, width), f, step·f′, step²·f″/2 at each knot.
    """

    low: float
    step: float
    knots: Tensor


FEWEST_PIECES: Final = 256
MOST_PIECES: Final = 8192
TOLERANCE: Final[dict[torch.dtype, float]] = {torch.float32: 1e-7, torch.float64: 1e-11}
"""Error in values, and in slopes, relative to the largest one, at which a table is fine enough for a dtype."""


def tabulate(function: Callable[[Tensor], Tensor], low: float, high: float, dtype: torch.dtype) -> Table:
    """Tabulate in float64, on as many knots as the dtype's tolerance asks for.

    Args:
        function: (n,) float64 → (n, width) float64, rows independent of each other.
        low: first knot.
        high: last knot.
        dtype: of the table.
    """
    pieces = FEWEST_PIECES
    while True:
        table = _tabulated(function, low, high, pieces)
        if pieces >= MOST_PIECES or _error(table, function, high) < TOLERANCE[dtype]:
            return table._replace(knots=table.knots.to(dtype).contiguous())
        pieces *= 2


def read(table: Table, x: Tensor) -> Tensor:
    """(n, width) values at (n,) float64 x."""
    return _combine(table, x, _value_weights)


def read_slope(table: Table, x: Tensor) -> Tensor:
    """(n, width) derivatives of what :func:`read` gives."""
    return _combine(table, x, _slope_weights) / table.step


def _combine(table: Table, x: Tensor, weights: Callable[[Tensor], list[Tensor]]) -> Tensor:
    position = (x.double() - table.low) / table.step
    piece = position.detach().floor().clamp(0, table.knots.shape[0] - 2)
    t = (position - piece).to(table.knots.dtype)
    left = piece.long()
    both = torch.cat([table.knots[left], table.knots[left + 1]], dim=1)
    return torch.einsum("nk,nkw->nw", torch.stack(weights(t), dim=1), both)


def _value_weights(t: Tensor) -> list[Tensor]:
    """Quintic Hermite polynomials for (f, h·f′, h²·f″/2) at both ends."""
    s = 1.0 - t
    return [
        s**3 * (1.0 + t * (3.0 + 6.0 * t)),
        s**3 * t * (1.0 + 3.0 * t),
        s**3 * t**2,
        t**3 * (1.0 + s * (3.0 + 6.0 * s)),
        -(t**3) * s * (1.0 + 3.0 * s),
        t**3 * s**2,
    ]


def _slope_weights(t: Tensor) -> list[Tensor]:
    s = 1.0 - t
    return [
        -30.0 * t**2 * s**2,
        s**2 * (1.0 - 3.0 * t) * (1.0 + 5.0 * t),
        s**2 * t * (2.0 - 5.0 * t),
        30.0 * t**2 * s**2,
        t**2 * (1.0 - 3.0 * s) * (1.0 + 5.0 * s),
        -(t**2) * s * (2.0 - 5.0 * s),
    ]


def _tabulated(function: Callable[[Tensor], Tensor], low: float, high: float, pieces: int) -> Table:
    x = torch.linspace(low, high, pieces + 1, dtype=torch.float64)
    step = (high - low) / pieces
    value, slope, curvature = _with_derivatives(function, x)
    return Table(low, step, torch.stack([value, step * slope, 0.5 * step**2 * curvature], dim=1))


def _with_derivatives(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values and two derivatives, (n, width) each."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = function(x)
        slope = _along(value, x)
        curvature = _along(slope, x)
    return value.detach(), slope.detach(), curvature.detach()


def _along(values: Tensor, x: Tensor) -> Tensor:
    """Derivative of each row by its own x: what the pull-back, which is linear, does to each channel."""
    cotangent = torch.zeros_like(values, requires_grad=True)
    (pulled,) = torch.autograd.grad(values, x, cotangent, create_graph=True)
    (slope,) = torch.autograd.grad(pulled, cotangent, torch.ones_like(pulled), create_graph=True)
    return slope


def _error(table: Table, function: Callable[[Tensor], Tensor], high: float) -> float:
    """Largest relative error of value and slope, half-way and at a quarter between knots."""
    middle = torch.arange(table.low + 0.5 * table.step, high, table.step, dtype=torch.float64)
    x = torch.cat([middle, middle - 0.25 * table.step])
    value, slope, _ = _with_derivatives(function, x)
    of_value = (read(table, x) - value).abs().max() / value.abs().max()
    of_slope = (read_slope(table, x) - slope).abs().max() / slope.abs().max()
    return float(torch.maximum(of_value, of_slope))
