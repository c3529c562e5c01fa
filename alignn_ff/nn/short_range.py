"""Short-range terms of the published families: a linear penalty, and ZBL with a fixed end.

Each gives an energy to every directed edge; a pair is two edges.
"""

import torch
from torch import Tensor

from alignn_ff.nn.repulsion import Screening, switched_repulsion

ZBL_LENGTH_A = 0.46850
"""0.8854·a₀, Å, with the digits that the published weights were trained with."""
ZBL_COULOMB_EV_A = 14.399645
"""e²/(4πε₀), eV·Å, likewise."""
ZBL_EXPONENT = 4
"""Of its envelope."""
PUBLISHED = Screening(ZBL_LENGTH_A, ZBL_COULOMB_EV_A, ZBL_EXPONENT)


def linear_penalty(length: Tensor, factor: float, threshold: float) -> Tensor:
    """factor·(threshold − length) where it is positive; it has a kink at the threshold.

    Args:
        length: (n_edges,) Å.
        factor: eV/Å.
        threshold: Å.

    Returns:
        (n_edges,) eV; both edges of a pair carry it in full, as published.
    """
    return factor * torch.relu(threshold - length)


def published_zbl(z_src: Tensor, z_dst: Tensor, distance: Tensor, end: float) -> Tensor:
    """Half the ZBL repulsion of a pair, switched off at ``end`` for all elements alike.

    Ziegler, Biersack and Littmark (1985), times the envelope of DimeNet with exponent 4.

    Args:
        z_src: (n_edges,) atomic numbers.
        z_dst: (n_edges,) atomic numbers.
        distance: (n_edges,) float64, Å.
        end: Å.

    Returns:
        (n_edges,) float64, eV.
    """
    return switched_repulsion(z_src, z_dst, distance, torch.full_like(distance, end), PUBLISHED)
