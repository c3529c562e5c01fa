"""The entries of an exported file: what a host calls.

In: positions, cell, atomic numbers and edges, or edge vectors. Out: energies and their derivatives. Angles, and which
edges take part in them, are found inside by the rules of the model's graph recipe.
"""

import math

import torch
from torch import Tensor, nn

from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.export.torchscript.layers import Surroundings, counts_of
from alignn_ff.export.torchscript.networks import NETWORKS
from alignn_ff.export.torchscript.prefixes import atoms_read
from alignn_ff.models import EnergyModel
from alignn_ff.models.base import element_rows


class Deployed(nn.Module):
    """A force field that TorchScript compiles whole."""

    row_of: Tensor

    def __init__(self, family: str, model: EnergyModel, stress_factor: float) -> None:
        """Script a model.

        Args:
            family: a key of ``NETWORKS``.
            model: on the CPU; its parameters are shared and never changed.
            stress_factor: the unit of the stress, per eV/Å³.
        """
        super().__init__()
        recipe, longest, walks = model.recipe, NETWORKS[family].longest_bond(model), NETWORKS[family].walks
        self.network = NETWORKS[family].network(model)
        self.longest_bond: float = math.inf if longest is None else longest
        limit = math.inf if recipe.three_body_cutoff is None else recipe.three_body_cutoff
        self.line_cutoff: float = limit if recipe.compute_line_graph else 0.0
        self.back_tracking: bool = recipe.back_tracking
        self.own_image_angles: bool = recipe.own_image_angles
        self.takes_prefixes: bool = NETWORKS[family].takes_prefixes
        self.n_layers: int = 0 if walks is None else len(walks(model))
        self.stress_factor: float = stress_factor
        self.smallest_volume_A3: float = SMALLEST_VOLUME_A3
        self.register_buffer("row_of", element_rows(model.elements))

    @torch.jit.export
    def forward_tensors_z(
        self,
        positions: Tensor,
        lattice: Tensor,
        atomic_numbers: Tensor,
        src: Tensor,
        dst: Tensor,
        shift: Tensor,
        compute_stress: bool,
    ) -> dict[str, Tensor]:
        """Energy, forces and stress of one structure.

        Args:
            positions: (n_atoms, 3) Å.
            lattice: (3, 3) Å, rows are lattice vectors.
            atomic_numbers: (n_atoms,) integers.
            src, dst: (n_edges,) int64, both directions of each bond.
            shift: (n_edges, 3) lattice translations, r = x[dst] + shift·lattice − x[src].
            compute_stress: whether the stress is returned too.

        Returns:
            energy: () eV; atomic_energy: (n_atoms,) eV; forces: (n_atoms, 3) eV/Å; stress: (3, 3) in the unit of the
            file, tension positive, NaN where the cell has no volume. All in float64.
        """
        x, cell, moved = positions.detach().double(), lattice.detach().double(), shift.double()
        vectors = x.index_select(0, dst) - x.index_select(0, src) + moved @ cell
        energies, gradient = self.energy_and_edge_gradient(vectors, atomic_numbers, src, dst, shift, x.shape[0])
        forces = torch.zeros_like(x).index_add(0, src, gradient).index_add(0, dst, -gradient)
        results = {"energy": energies.sum(), "atomic_energy": energies, "forces": forces}
        if compute_stress:
            virial, volume = vectors.t() @ gradient, torch.linalg.det(cell).abs()
            stress = 0.5 * self.stress_factor * (virial + virial.t()) / volume
            if bool(volume < self.smallest_volume_A3):
                stress = torch.full_like(stress, float("nan"))
            results["stress"] = stress
        return results

    @torch.jit.export
    def energy_and_edge_gradient(
        self, vectors: Tensor, z: Tensor, src: Tensor, dst: Tensor, shift: Tensor, n_local: int
    ) -> tuple[Tensor, Tensor]:
        """Energies, and the derivative of the sum of the first ones in the edge vectors.

        Args:
            vectors: (n_edges, 3) Å, from src to dst.
            z: (n_atoms,) atomic numbers, those of other ranks' atoms last.
            src, dst: (n_edges,) int64.
            shift: (n_edges, 3) lattice translations; 0 where atoms of other cells are rows of their own.
            n_local: number of atoms whose energies count.

        Returns:
            (n_atoms,) eV, of which those beyond ``n_local`` have no meaning, and (n_edges, 3) eV/Å. Layers of the
            published families leave out the last rows that they do not read: atoms far from the first ones come last.
        """
        numbers = z.to(torch.int64)
        rows = self.row_of[numbers]
        assert bool((rows >= 0).all()), "an element of the structure is not covered by this model"
        given = vectors.detach().double()
        assert torch.is_grad_enabled(), "derivatives are switched off here; the host must leave torch's autograd on"
        r = given.clone().requires_grad_(True)
        energies = self.energies(r, numbers, rows, src, dst, shift, n_local)
        gradient = torch.zeros_like(given)
        total = energies[:n_local].sum()
        if total.requires_grad:
            derivative = torch.autograd.grad([total], [r], allow_unused=True)[0]
            if derivative is not None:
                gradient = derivative
        return energies.detach(), gradient

    @torch.jit.export
    def layer_rows(self, vectors: Tensor, src: Tensor, dst: Tensor, n_local: int, n_atoms: int) -> list[int]:
        """(n_layers) atoms that each layer evaluates in :meth:`energy_and_edge_gradient`."""
        kept = torch.nonzero(torch.linalg.vector_norm(vectors, dim=1) <= self.longest_bond).squeeze(1)
        if not self.takes_prefixes or n_local >= n_atoms:
            return [n_atoms] * self.n_layers
        return atoms_read(src[kept], dst[kept], n_local, self.n_layers)[1:]

    def energies(
        self, r: Tensor, numbers: Tensor, rows: Tensor, src: Tensor, dst: Tensor, shift: Tensor, n_local: int = -1
    ) -> Tensor:
        """(n_atoms,) eV, differentiable in the edge vectors ``r``; only the first ``n_local`` count, if it is given."""
        moved = shift.double().round().to(torch.int64)
        if not math.isinf(self.longest_bond):
            kept = torch.nonzero(torch.linalg.vector_norm(r.detach(), dim=1) <= self.longest_bond).squeeze(1)
            r, src, dst, moved = r.index_select(0, kept), src[kept], dst[kept], moved[kept]
        read: list[int] = []
        if self.takes_prefixes and n_local >= 0 and n_local < numbers.shape[0]:
            read = atoms_read(src, dst, n_local, self.n_layers)
            order = torch.argsort(dst, stable=True)
            r, src, dst, moved = r.index_select(0, order), src[order], dst[order], moved[order]
        distance = torch.linalg.vector_norm(r, dim=1)
        nodes, line_src, line_dst = self.line_graph(src, dst, moved, distance.detach(), numbers.shape[0])
        surroundings = Surroundings(r, distance, numbers, rows, src, dst, nodes, line_src, line_dst, read)
        energies: Tensor = self.network(surroundings)
        return energies

    def line_graph(
        self, src: Tensor, dst: Tensor, shift: Tensor, distance: Tensor, n_atoms: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Edges that take part in angles, and pairs i→j, j→k of them."""
        nodes = torch.nonzero(distance < self.line_cutoff).squeeze(1)
        s, t, moved = src[nodes], dst[nodes], shift[nodes]
        order = torch.argsort(t, stable=True)
        incoming = counts_of(t, n_atoms)
        first_incoming = incoming.cumsum(0) - incoming
        n_first = incoming[s]
        second = torch.repeat_interleave(n_first)
        offset = torch.arange(second.shape[0], device=src.device) - (n_first.cumsum(0) - n_first)[second]
        first = order[first_incoming[s[second]] + offset]
        if not self.back_tracking:
            back = (s[first] == t[second]) & (moved[first] + moved[second] == 0).all(1)
            first, second = first[~back], second[~back]
        if not self.own_image_angles:
            other = first != second
            first, second = first[other], second[other]
        return nodes, first, second

    def forward(
        self,
        positions: Tensor,
        lattice: Tensor,
        atomic_numbers: Tensor,
        src: Tensor,
        dst: Tensor,
        shift: Tensor,
        compute_stress: bool,
    ) -> dict[str, Tensor]:
        """:meth:`forward_tensors_z`."""
        return self.forward_tensors_z(positions, lattice, atomic_numbers, src, dst, shift, compute_stress)
