"""Bounds of what a network adds to the energy of an atom: beyond them the energy levels off, smoothly.

Far from its training data a network may return energies of thousands of eV. The bounds are wider than the energies of
the training. Energies between them are unchanged, bit for bit.
"""

from typing import TypeAlias

import torch
from torch import Tensor, nn

EnergyBounds: TypeAlias = tuple[tuple[float, float, float, float], ...]
"""(lowest, lower, upper, highest) of each element, eV, ascending; () without bounds."""


class BoundedEnergy(nn.Module):
    """E → c + w·tanh((E − c)/w) with c the end of [lower, upper] that E is beyond; E itself in between.

    C² everywhere, since tanh has neither value nor curvature at zero, and a slope of one there. With w = lower − lowest
    below and highest − upper above, no energy lies below ``lowest`` or above ``highest``.

    Args:
        bounds: of each element.
    """

    bounds: Tensor

    def __init__(self, bounds: EnergyBounds) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.tensor(bounds, dtype=torch.float64), persistent=False)

    def forward(self, energy: Tensor, rows: Tensor) -> Tensor:
        """(n_atoms,) eV.

        Args:
            energy: (n_atoms,) float64, eV.
            rows: (n_atoms,) element of each atom.
        """
        lowest, lower, upper, highest = self.bounds[rows].unbind(1)
        end = torch.minimum(torch.maximum(energy, lower), upper)
        width = torch.where(energy < lower, lower - lowest, highest - upper)
        return end + width * torch.tanh((energy - end) / width)
