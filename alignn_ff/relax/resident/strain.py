"""The exponential of strains and its derivative on a device, without a decomposition, which makes the host wait.

The same numbers as :mod:`alignn_ff.relax.many.deformation`, to rounding. A matrix is divided by 2ˢ, its exponential is
Taylor's polynomial, squared s times. The derivative along W is a block of the exponential of [[U, W], [0, U]]
(R. Mathias, SIAM J. Matrix Anal. Appl. 17, 610 (1996)).
"""

from typing import Final

import torch
from torch import Tensor

SQUARINGS: Final = 5
ORDER: Final = 13
"""Of the polynomial: the rest is below 10⁻¹⁶ for strains up to 3."""


def exponential(matrices: Tensor) -> Tensor:
    """Of (n, k, k) matrices."""
    scaled = matrices / 2.0**SQUARINGS
    unit = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    total = unit + scaled / ORDER
    for k in range(ORDER - 1, 0, -1):
        total = unit + scaled @ total / k
    for _ in range(SQUARINGS):
        total = total @ total
    return total


def strain_gradient(strain: Tensor, virial: Tensor) -> Tensor:
    """(n, 3, 3) −∂energy/∂U.

    Args:
        strain: (n, 3, 3) U, symmetric.
        virial: (n, 3, 3) −volume · stress, symmetric, eV.
    """
    along = virial @ exponential(-strain)
    upper, lower = torch.cat([strain, along], 2), torch.cat([torch.zeros_like(strain), strain], 2)
    return exponential(torch.cat([upper, lower], 1))[:, :3, 3:]
