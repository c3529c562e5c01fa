"""The graph of one evaluation: energies and their derivatives, traced before torch exports it.

In: a potential. Out: an ``ExportedProgram`` whose numbers of atoms and edges are free. The derivatives are taken while
the graph is traced, so that the program holds them as plain operations (``torch.export`` alone turns tensors that
autograd saved into constants).
"""

from copy import deepcopy
from typing import Final

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental.proxy_tensor import make_fx

from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.errors import ConfigError
from alignn_ff.export.structures import proof_structures
from alignn_ff.export.torchscript.entries import Deployed
from alignn_ff.potential import Potential

OUTPUTS: Final = ("energy", "atomic_energy", "forces", "stress")
"""What a file returns, in this order."""
SIZES_OF_CONSTANTS: Final = 16
"""Numbers of atoms and edges of the traced structure are larger, so that none is taken for a size of the model's."""

Arguments = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""positions, lattice, atomic_numbers, src, dst, shift."""


class Evaluation(nn.Module):
    """What is traced; it takes derivatives itself."""

    def __init__(self, deployed: Deployed) -> None:
        super().__init__()
        self.deployed = deployed.requires_grad_(requires_grad=False).eval()

    def forward(
        self, positions: Tensor, lattice: Tensor, atomic_numbers: Tensor, src: Tensor, dst: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Energy, atomic energies, forces and stress of one structure; all NaN if the model lacks an element of it.

        Args:
            positions: (n_atoms, 3) float64, Å.
            lattice: (3, 3) float64, Å, rows are lattice vectors.
            atomic_numbers: (n_atoms,) int64.
            src, dst: (n_edges,) int64, both directions of each bond.
            shift: (n_edges, 3) int64, r = x[dst] + shift·lattice − x[src].

        Returns:
            :data:`OUTPUTS`, as ``Deployed.forward_tensors_z`` has them.
        """
        rows = self.deployed.row_of[atomic_numbers]
        lacks = torch.where((rows >= 0).all(), 0.0, float("nan")).double()
        apart = positions.index_select(0, dst) - positions.index_select(0, src)
        r = (apart + shift.double() @ lattice).detach().requires_grad_()
        energies = self.deployed.energies(r, atomic_numbers, rows.clamp(min=0), src, dst, shift)
        (gradient,) = torch.autograd.grad([energies.sum()], [r])
        energies, gradient, vectors = energies.detach() + lacks, gradient + lacks, r.detach()
        forces = torch.zeros_like(positions).index_add(0, src, gradient).index_add(0, dst, -gradient)
        virial = vectors.t() @ gradient
        volume = (lattice[0] * torch.linalg.cross(lattice[1], lattice[2])).sum().abs()
        stress = 0.5 * self.deployed.stress_factor * (virial + virial.t()) / volume + lacks
        stress = torch.where(volume < SMALLEST_VOLUME_A3, torch.full_like(stress, float("nan")), stress)
        return energies.sum(), energies, forces + lacks, stress


def exported_program(potential: Potential, stress_factor: float, device: torch.device) -> ExportedProgram:
    """The program of a potential.

    Args:
        potential: in the dtype of the program; it stays as it is.
        stress_factor: the unit of the stress, per eV/Å³.
        device: that the program runs on.

    Raises:
        ConfigError: no structure has enough edges below the cutoff to trace the model with.
    """
    model = deepcopy(potential.model)
    evaluation = Evaluation(Deployed(potential.header.model.name, model, stress_factor)).to(device)
    given = tuple(values.to(device) for values in example(potential))
    traced = make_fx(evaluation, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*given)
    per_row = {0: Dim.DYNAMIC}
    shapes = (per_row, None, per_row, per_row, per_row, per_row)
    return torch.export.export(traced.eval(), given, dynamic_shapes=shapes, strict=False)


def example(potential: Potential) -> Arguments:
    """A structure to trace with; its sizes differ from one another."""
    for atoms in proof_structures(potential.header.elements).values():
        prepared = potential.prepare(atoms)
        system, graph = prepared.system, prepared.graph
        n_atoms, n_edges = system.positions.shape[0], graph.edge_src.shape[0]
        if min(n_atoms, n_edges) > SIZES_OF_CONSTANTS and n_atoms != n_edges:
            edges = (graph.edge_src, graph.edge_dst, graph.edge_shift.long())
            return (system.positions, system.cell[0], system.atomic_numbers, *edges)
    raise ConfigError(
        f"{potential.name} has no neighbours below its cutoff of {potential.header.graph.cutoff} Å in any structure "
        "that exports are proven on; a model with a longer cutoff can be exported to aoti"
    )
