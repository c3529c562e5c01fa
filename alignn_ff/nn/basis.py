"""Smooth one-dimensional bases: bond lengths and cosines of bond angles."""

import math

import torch
from torch import Tensor


def bessel_basis(distance: Tensor, cutoff: float, n_basis: int) -> Tensor:
    """Radial Bessel functions √(2/r_c)·sin(kπr/r_c)/r (Gasteiger et al., ICLR 2020, eq. 7).

    Args:
        distance: (n,), Å, positive.
        cutoff: r_c, Å.
        n_basis: number of functions, k = 1 … n_basis.

    Returns:
        (n, n_basis), scaled by r_c so that it is of order one.
    """
    order = torch.arange(1, n_basis + 1, dtype=distance.dtype, device=distance.device) * (math.pi / cutoff)
    return torch.sin(distance[:, None] * order) * (math.sqrt(2.0 * cutoff) / distance)[:, None]


def chebyshev_basis(cosine: Tensor, n_basis: int) -> Tensor:
    """Chebyshev polynomials T_1 … T_n of the cosine, that is cos(kθ) without the angle itself.

    Smooth at 0° and 180°, where an angle is not. Doubling steps T_(m+k) = 2·T_m·T_k − T_(m−k)
    keep the graph of derivatives short.

    Args:
        cosine: (n,).
        n_basis: number of polynomials.

    Returns:
        (n, n_basis).
    """
    known = torch.stack([torch.ones_like(cosine), cosine], dim=1)
    while known.shape[1] <= n_basis:
        top = known[:, -1:]
        known = torch.cat([known, 2.0 * top * known[:, 1:] - known[:, :-1].flip(1)], dim=1)
    return known[:, 1 : n_basis + 1]
