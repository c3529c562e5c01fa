"""A vector function of one number, tabulated: values and two derivatives at even knots, quintic between them (C²).

The states of an angle before the first layer, and what they add to its gates, depend only on the cosine. Reading them
costs a few additions per channel in place of three matrix products. Derivatives are those of the table.
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
        pieces: (n_pieces, 6, width) coefficients of t⁰ … t⁵ between two knots, t from 0 to 1. Slopes come from
            coefficients of their own, not from differences of rounded values.
    """

    low: float
    step: float
    pieces: Tensor


FEWEST_PIECES: Final = 256
POINTS_AT_ONCE: Final = 128
MOST_PIECES: Final = 8192
TOLERANCE: Final[dict[torch.dtype, float]] = {torch.float32: 1e-7, torch.float64: 1e-11}
"""Error in values, and in slopes, relative to the largest one, at which a table is fine enough for a dtype."""


def tabulate(function: Callable[[Tensor], Tensor], low: float, high: float, dtype: torch.dtype) -> Table:
    """Tabulate in float64, on as many knots as the dtype's tolerance requires.

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
            return table._replace(pieces=table.pieces.to(dtype).contiguous())
        pieces *= 2


def read(table: Table, x: Tensor) -> Tensor:
    """(n, width) values at (n,) float64 x."""
    coefficients, t = _piece(table, x)
    value = coefficients[:, 5]
    for k in range(4, -1, -1):
        value = torch.addcmul(coefficients[:, k], value, t)
    return value


def read_slope(table: Table, x: Tensor) -> Tensor:
    """(n, width) derivatives of what :func:`read` gives."""
    coefficients, t = _piece(table, x)
    slope = 5.0 * coefficients[:, 5]
    for k in range(4, 0, -1):
        slope = slope * t + k * coefficients[:, k]
    return slope / table.step


def _piece(table: Table, x: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients (n, 6, width) where each x lies, and t (n, 1) within the piece."""
    position = (x.double() - table.low) / table.step
    piece = position.detach().floor().clamp(0, table.pieces.shape[0] - 1)
    return table.pieces[piece.long()], (position - piece).to(table.pieces.dtype)[:, None]


def _tabulated(function: Callable[[Tensor], Tensor], low: float, high: float, pieces: int) -> Table:
    x = torch.linspace(low, high, pieces + 1, dtype=torch.float64)
    step = (high - low) / pieces
    value, slope, curvature = _with_derivatives(function, x)
    first, second = step * slope, 0.5 * step**2 * curvature
    a = (value[1:] - value[:-1]) - first[:-1] - second[:-1]
    b = first[1:] - first[:-1] - 2.0 * second[:-1]
    c = second[1:] - second[:-1]
    higher = (10.0 * a - 4.0 * b + c, -15.0 * a + 7.0 * b - 2.0 * c, 6.0 * a - 3.0 * b + c)
    return Table(low, step, torch.stack([value[:-1], first[:-1], second[:-1], *higher], dim=1))


def _with_derivatives(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values and two derivatives, (n, width) each; a few points at a time, so that little memory is touched."""
    parts = [_of_few(function, points) for points in x.split(POINTS_AT_ONCE)]
    value, slope, curvature = (torch.cat(part) for part in zip(*parts, strict=True))
    return value, slope, curvature


def _of_few(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
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
