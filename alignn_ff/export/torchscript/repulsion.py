"""The short-range repulsion in TorchScript, with its end for each pair of elements."""

import torch
from torch import Tensor, nn

from alignn_ff.export.torchscript.layers import Surroundings, rows_of, sum_rows
from alignn_ff.nn import ZBLRepulsion
from alignn_ff.nn.envelope import reduced_envelope
from alignn_ff.nn.repulsion import EXPONENT, SCREENING_LENGTH_A, screened_repulsion
from alignn_ff.units import COULOMB_EV_A


class ScriptedRepulsion(nn.Module):
    """:class:`~alignn_ff.nn.ZBLRepulsion`, half of a pair to each of its atoms; without one, zeros."""

    ends: Tensor

    def __init__(
        self,
        repulsion: ZBLRepulsion | None,
        cutoff: float,
        exponent: int = EXPONENT,
        length_A: float = SCREENING_LENGTH_A,
        coulomb_eV_A: float = COULOMB_EV_A,
    ) -> None:
        super().__init__()
        none = torch.zeros((1, 1), dtype=torch.float64)
        self.register_buffer("ends", none if repulsion is None else repulsion.ends.clamp(max=cutoff))
        self.repels: bool = repulsion is not None
        self.exponent: int = exponent
        self.length_A: float = length_A
        self.coulomb_eV_A: float = coulomb_eV_A

    def forward(self, s: Surroundings) -> Tensor:
        """(n_atoms,) float64, eV."""
        n_atoms = s.numbers.shape[0]
        if not self.repels:
            return torch.zeros((n_atoms,), dtype=torch.float64, device=s.vectors.device)
        z_src, z_dst = rows_of(s.numbers, s.src), rows_of(s.numbers, s.dst)
        ends = self.ends[z_src, z_dst]
        close = torch.nonzero(s.distance.detach() < ends).squeeze(1)
        r = rows_of(s.distance, close)
        pair = screened_repulsion(z_src[close], z_dst[close], r, self.length_A, self.coulomb_eV_A)
        pair = pair * reduced_envelope(r / ends[close], self.exponent)
        return sum_rows(0.5 * pair, s.dst[close], n_atoms)
