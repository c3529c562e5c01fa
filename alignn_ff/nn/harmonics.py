"""Real solid harmonics of directions: the angular functions that moments are made of.

In: unit vectors. Out: for each order l = 1 … max_order the 2l + 1 functions R_lm with Racah's normalisation, for which
Σ_m R_lm(u)·R_lm(v) = P_l(u·v), the Legendre polynomial (Stone, The Theory of Intermolecular Forces, 2nd ed., app. B).
"""

import math
from typing import Final

import torch
from torch import Tensor

MAX_ORDER: Final = 3
"""Highest order that is written out."""


def n_harmonics(max_order: int) -> int:
    """Number of functions of the orders 1 … max_order."""
    return max_order * (max_order + 2)


def order_slices(max_order: int) -> tuple[slice, ...]:
    """Where the functions of each order 1 … max_order stand in a row."""
    return tuple(slice(order * order - 1, order * order + 2 * order) for order in range(1, max_order + 1))


def solid_harmonics(directions: Tensor, max_order: int) -> Tensor:
    """Angular functions of directions, polynomials in their components.

    Args:
        directions: (n, 3) unit vectors.
        max_order: 1, 2 or 3.

    Returns:
        (n, max_order·(max_order + 2)): l = 1 (x, y, z), then l = 2 (xy, yz, z², xz, x² − y²), then l = 3.
    """
    x, y, z = directions.unbind(-1)
    rows = [x, y, z]
    if max_order >= 2:
        root = math.sqrt(3.0)
        rows += [root * x * y, root * y * z, 1.5 * z * z - 0.5, root * x * z, 0.5 * root * (x * x - y * y)]
    if max_order >= 3:
        a, b, c = math.sqrt(5 / 8), math.sqrt(15.0), math.sqrt(3 / 8)
        rows += [
            a * y * (3 * x * x - y * y),
            b * x * y * z,
            c * y * (5 * z * z - 1),
            0.5 * z * (5 * z * z - 3),
            c * x * (5 * z * z - 1),
            0.5 * b * z * (x * x - y * y),
            a * x * (x * x - 3 * y * y),
        ]
    return torch.stack(rows, -1)


def quadrupole_matrix(moments: Tensor) -> Tensor:
    """The five moments of order 2 as symmetric traceless matrices of the same norm.

    Args:
        moments: (n, 5, channels) in the order of :func:`solid_harmonics`.

    Returns:
        (n, 3, 3, channels); its Frobenius norm is that of the moments, and it turns as a matrix when the directions do.
    """
    xy, yz, zz, xz, difference = (moments / math.sqrt(6.0)).unbind(1)
    root = math.sqrt(3.0)
    xy, yz, xz = root * xy, root * yz, root * xz
    xx, yy = root * difference - zz, -root * difference - zz
    matrix: Tensor = torch.stack([xx, xy, xz, xy, yy, yz, xz, yz, 2 * zz], 1).unflatten(1, (3, 3))
    return matrix
