"""Short-range repulsion between nuclei (ZBL), switched off where the training data begin."""

from typing import Final, NamedTuple

import torch
from ase.data import covalent_radii
from torch import Tensor, nn

from alignn_ff.nn.envelope import reduced_envelope
from alignn_ff.units import BOHR_A, COULOMB_EV_A

SCREENING_LENGTH_A: Final = 0.8854 * BOHR_A
"""The length that distances are divided by in the screening function, times Z₁^0.23 + Z₂^0.23."""

EXPONENT: Final = 6
"""Of the envelope."""


class Screening(NamedTuple):
    """Constants of a repulsion.

    Attributes:
        length_A: Å, a·(Z₁^0.23 + Z₂^0.23).
        coulomb_eV_A: eV·Å, e²/(4πε₀).
        exponent: of the envelope.
    """

    length_A: float
    coulomb_eV_A: float
    exponent: int


UNIVERSAL: Final = Screening(SCREENING_LENGTH_A, COULOMB_EV_A, EXPONENT)

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
        return switched_repulsion(z_src, z_dst, distance, self.reach(z_src, z_dst, end), UNIVERSAL)


def switched_repulsion(z_src: Tensor, z_dst: Tensor, distance: Tensor, reach: Tensor, constants: Screening) -> Tensor:
    """(n_edges,) float64, eV: half the repulsion of each directed edge, times its envelope.

    On a CPU only the edges shorter than ``reach`` are computed. A choice of edges makes the host wait for a GPU, which
    computes all of them instead.

    Args:
        z_src: (n_edges,) atomic numbers.
        z_dst: (n_edges,) atomic numbers.
        distance: (n_edges,) float64, Å.
        reach: (n_edges,) float64, Å, where the repulsion ends.
        constants: of the repulsion.
    """
    close = distance.detach() < reach
    if distance.device.type != "cpu":
        return torch.where(close, 0.5 * _enveloped(z_src, z_dst, distance, reach, constants), 0.0)
    rows = torch.nonzero(close).squeeze(1)
    near = _enveloped(z_src[rows], z_dst[rows], distance.index_select(0, rows), reach[rows], constants)
    return torch.zeros_like(distance).index_add(0, rows, 0.5 * near)


def _enveloped(z_src: Tensor, z_dst: Tensor, distance: Tensor, reach: Tensor, constants: Screening) -> Tensor:
    pair = screened_repulsion(z_src, z_dst, distance, constants.length_A, constants.coulomb_eV_A)
    return pair * reduced_envelope(distance / reach, constants.exponent)


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
