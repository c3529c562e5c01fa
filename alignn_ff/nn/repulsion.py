"""Short-range repulsion between nuclei (ZBL), switched off where the training data begin."""

from typing import Final

import torch
from ase.data import covalent_radii
from torch import Tensor, nn

from alignn_ff.nn.envelope import reduced_envelope
from alignn_ff.units import BOHR_A, COULOMB_EV_A

SCREENING_LENGTH_A: Final = 0.8854 * BOHR_A
"""The length that distances are divided by in the screening function, times Z₁^0.23 + Z₂^0.23."""

EXPONENT: Final = 6
"""Of the envelope."""

RepulsionEnds = tuple[tuple[int, int, float], ...]
"""(z, z, Å) of pairs of elements: where their repulsion ends."""


class ZBLRepulsion(nn.Module):
    """Universal screened Coulomb repulsion (Ziegler, Biersack, Littmark 1985).

    V(r) = e²Z₁Z₂/(4πε₀r)·φ(r/a)·u(r), a = 0.8854·a₀/(Z₁^0.23 + Z₂^0.23), where u is a C² envelope that ends at the
    sum of covalent radii, or at the shorter distance that is given for the pair. No trainable parameters.
    """

    ends: Tensor

    def __init__(self, ends: RepulsionEnds = ()) -> None:
        """Repulsion with ends for some pairs of elements.

        Args:
            ends: (z, z, Å) of the pairs that end before the sum of their covalent radii.
        """
        super().__init__()
        radii = torch.tensor(covalent_radii, dtype=torch.float64)
        table = radii[:, None] + radii[None, :]
        for first, second, end in ends:
            table[first, second] = table[second, first] = min(end, float(table[first, second]))
        self.register_buffer("ends", table, persistent=False)

    def reach(self, z_src: Tensor, z_dst: Tensor, end: float) -> Tensor:
        """(n_edges,) float64, Å, where the repulsion of each edge ends."""
        return self.ends[z_src, z_dst].clamp(max=end)

    def forward(self, z_src: Tensor, z_dst: Tensor, distance: Tensor, end: float) -> Tensor:
        """Half the repulsion of each directed edge, so that a pair counts once.

        Args:
            z_src: (n_edges,) atomic numbers.
            z_dst: (n_edges,) atomic numbers.
            distance: (n_edges,) float64, Å.
            end: Å, no repulsion beyond this distance (the cutoff of the graph).

        Returns:
            (n_edges,) float64, eV.
        """
        reach = self.reach(z_src, z_dst, end)
        close = torch.nonzero(distance.detach() < reach).squeeze(1)
        r = distance.index_select(0, close)
        pair = screened_repulsion(z_src[close], z_dst[close], r, SCREENING_LENGTH_A, COULOMB_EV_A)
        pair = pair * reduced_envelope(r / reach[close], EXPONENT)
        return torch.zeros_like(distance).index_add(0, close, 0.5 * pair)


def screened_repulsion(z_src: Tensor, z_dst: Tensor, r: Tensor, length_A: float, coulomb_eV_A: float) -> Tensor:
    """e²Z₁Z₂/(4πε₀r)·φ(r/a) of each pair, without an envelope; TorchScript compiles it.

    Args:
        z_src: (n,) atomic numbers.
        z_dst: (n,) atomic numbers.
        r: (n,) float64, Å.
        length_A: a·(Z₁^0.23 + Z₂^0.23).
        coulomb_eV_A: e²/(4πε₀).

    Returns:
        (n,) float64, eV.
    """
    z1, z2 = z_src.to(r.dtype), z_dst.to(r.dtype)
    return coulomb_eV_A * z1 * z2 / r * screening(r * (z1.pow(0.23) + z2.pow(0.23)) / length_A)


def screening(x: Tensor) -> Tensor:
    """The universal screening function φ(x) of a reduced distance, any shape."""
    first = 0.18175 * torch.exp(-3.19980 * x) + 0.50986 * torch.exp(-0.94229 * x)
    return first + 0.28022 * torch.exp(-0.40290 * x) + 0.02817 * torch.exp(-0.20162 * x)
