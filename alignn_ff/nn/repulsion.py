"""Short-range repulsion between nuclei (ZBL), switched off where the training data begin."""

import torch
from ase.data import covalent_radii
from torch import Tensor, nn

from alignn_ff.nn.envelope import polynomial_envelope
from alignn_ff.units import BOHR_A, COULOMB_EV_A

_COEFFICIENTS = (0.18175, 0.50986, 0.28022, 0.02817)
_EXPONENTS = (3.19980, 0.94229, 0.40290, 0.20162)

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
        z1, z2 = z_src[close].to(distance.dtype), z_dst[close].to(distance.dtype)
        r = distance.index_select(0, close)
        screened = r * (z1.pow(0.23) + z2.pow(0.23)) / (0.8854 * BOHR_A)
        pair = COULOMB_EV_A * z1 * z2 / r * screening(screened) * polynomial_envelope(r, reach[close])
        return torch.zeros_like(distance).index_add(0, close, 0.5 * pair)


def screening(x: Tensor) -> Tensor:
    """The universal screening function φ(x) of a reduced distance, any shape."""
    terms = [c * torch.exp(-a * x) for c, a in zip(_COEFFICIENTS, _EXPONENTS, strict=True)]
    return terms[0] + terms[1] + terms[2] + terms[3]
