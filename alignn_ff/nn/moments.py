"""Moments of an atom's surroundings: sums over neighbours that turn with the structure, and what does not turn.

    A^l_km = Σ_j w(r_ij)·φ^l_k(r_ij)·(V^l·x_j)_k·R_lm(r̂_ij) / √n̄,   l = 1 … max_moment, k = 1 … channels.

They see the surroundings to the full cutoff, at a cost that grows with bonds and not with angles. Two readings of them
do not depend on the orientation: products within an atom (:class:`MomentInvariants`), and the moments of both ends
of a bond along the bond (:class:`MomentGates`). Each neighbour enters through its envelope w, so nothing jumps.

The construction is that of moment tensors and the atomic cluster expansion (Shapeev, Multiscale Model. Simul. 14, 1153
(2016); Drautz, Phys. Rev. B 99, 014104 (2019)), cut off after products of three.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.native import SumKernels, kernels_for
from alignn_ff.nn.bond_basis import BondBasis
from alignn_ff.nn.harmonics import order_slices, quadrupole_matrix
from alignn_ff.nn.sums.contraction import Contraction, contract_sent_to_nodes, contract_to_edges, make_contraction
from alignn_ff.nn.sums.moment_sums import of_both_ends, sent_to_nodes
from alignn_ff.nn.sums.native_twice import NativeOperation, run_native
from alignn_ff.nn.sums.segment import Edges, Segments, gather, make_segments


class Tables(NamedTuple):
    """What sums over bonds need where no compiled kernels make them in one piece.

    Attributes:
        by_order: contraction with a group of columns for each order.
        as_one: contraction with all columns in one group.
        reverse: the bond that leads back, for each bond.
    """

    by_order: Contraction
    as_one: Contraction
    reverse: Segments


class Directions(NamedTuple):
    """The directions of bonds, and how they are summed at the atoms that they lead to.

    Attributes:
        harmonics: (n_edges, n_harmonics) angular functions.
        weighted: (n_edges, n_harmonics) the same times the envelope of the bond.
        bonds: edges between atoms.
        groups: (n_harmonics,) int64, the order of each function, from 0.
        tables: None where compiled kernels make the sums.
    """

    harmonics: Tensor
    weighted: Tensor
    bonds: Edges
    groups: Tensor
    tables: Tables | None


def make_directions(
    basis: BondBasis, bonds: Edges, shift: Tensor, max_order: int, most_edges: int | None = None
) -> Directions:
    """Prepare the directions of bonds.

    Args:
        basis: functions of the bonds.
        bonds: edges between atoms, in canonical order.
        shift: (n_edges, 3) integer lattice shifts.
        max_order: highest order of the angular functions.
        most_edges: no atom has more bonds than this; None where they are to be counted.
    """
    index, orders = bonds.dst.segment, order_slices(max_order)
    native = kernels_for("moments", (basis.weighted,))
    if native is None or torch.is_autocast_enabled(index.device.type):  # which would mix dtypes
        tables = _tables(bonds, shift, max_order, most_edges)
        return Directions(basis.harmonics, basis.weighted, bonds, tables.by_order.groups, tables)
    groups = torch.cat([index.new_full((order.stop - order.start,), k) for k, order in enumerate(orders)])
    return Directions(basis.harmonics, basis.weighted, bonds, groups, None)


def _tables(bonds: Edges, shift: Tensor, max_order: int, most_edges: int | None) -> Tables:
    orders = order_slices(max_order)
    by_order = make_contraction(bonds.dst, orders, most_edges)
    as_one = by_order._replace(groups=torch.zeros_like(by_order.groups), columns=(slice(0, orders[-1].stop),))
    reverse = reverse_edges(bonds.src.segment, bonds.dst.segment, shift, bonds.dst.starts.shape[0])
    return Tables(by_order, as_one, make_segments(reverse, reverse.shape[0]))


def reverse_edges(src: Tensor, dst: Tensor, shift: Tensor, n_atoms: int) -> Tensor:
    """The edge that leads back, for each edge of a symmetric graph in canonical order (by dst, src, shift).

    Where none does, some edge.

    Args:
        src, dst: (n_edges,) int64.
        shift: (n_edges, 3) integer lattice shifts.
        n_atoms: number of atoms.

    Returns:
        (n_edges,) int64.
    """
    if src.shape[0] == 0:
        return src
    shift = shift.long()
    most = shift.abs().max() + 1
    width = 2 * most + 1

    def key(first: Tensor, second: Tensor, moved: Tensor) -> Tensor:
        number = first * n_atoms + second
        for axis in range(3):
            number = number * width + moved[:, axis] + most
        return number

    return torch.searchsorted(key(dst, src, shift), key(src, dst, -shift)).clamp(max=src.shape[0] - 1)


class Moments(nn.Module):
    """A: (n_atoms, n_harmonics, channels), from the states of neighbours."""

    normalization: Tensor

    def __init__(
        self, features: int, radial_features: int, channels: int, max_moment: int, average_count: float
    ) -> None:
        super().__init__()
        self.max_moment = max_moment
        self.radial = nn.Linear(radial_features, max_moment * channels, bias=False)
        self.value = nn.Linear(features, max_moment * channels)
        self.register_buffer("normalization", torch.tensor(math.sqrt(max(average_count, 1.0))))

    def forward(self, atoms: Tensor, radial: Tensor, directions: Directions) -> Tensor:
        """Sum over the neighbours of each atom.

        Args:
            atoms: (n_atoms, features).
            radial: (n_edges, radial_features) functions of the bond length.
            directions: of the bonds.

        Returns:
            (n_atoms, n_harmonics, channels).
        """
        values = self.value(atoms) / self.normalization
        held = (self.radial(radial), directions.weighted, values)
        if directions.tables is None:
            return sent_to_nodes(held, directions.bonds, directions.groups, self.max_moment)
        return contract_sent_to_nodes(*held, directions.bonds.src, directions.tables.by_order)


class MomentInvariants(nn.Module):
    """What products of an atom's moments add to its update: a linear function of numbers that no rotation changes.

    For each order ⟨A^l, U^l·A^l⟩; with v and M the vector and the traceless matrix of l = 1 and 2 also v'ᵀ·M·v, |M·v|²
    and tr(M²·M'), where U, v' and M' mix channels.
    """

    def __init__(self, features: int, channels: int, max_moment: int) -> None:
        super().__init__()
        self.orders = order_slices(max_moment)
        scale = 1.0 / math.sqrt(channels)
        self.pairs = nn.Parameter(scale * torch.randn(max_moment, channels, channels))
        self.triples = nn.Parameter(scale * torch.randn(2, channels, channels)) if max_moment >= 2 else None
        n_invariants = max_moment + (3 if max_moment >= 2 else 0)
        self.out = nn.Linear(n_invariants * channels, features, bias=False)

    def forward(self, moments: Tensor) -> Tensor:
        """(n_atoms, features) from (n_atoms, n_harmonics, channels) moments."""
        parts = [moments[:, order] for order in self.orders]
        mixed = [part @ mix for part, mix in zip(parts, self.pairs, strict=True)]
        kernels = kernels_for("invariants", (moments, *mixed))
        if kernels is not None:
            native: Tensor = self.out(self._native(kernels, moments, mixed))
            return native
        invariants = [(part * other).sum(1) for part, other in zip(parts, mixed, strict=True)]
        if self.triples is not None:
            vector, matrix = parts[0], quadrupole_matrix(parts[1])
            other = quadrupole_matrix(parts[1] @ self.triples[1])
            turned = (matrix * vector[:, None]).sum(2)
            invariants += [
                (turned * (vector @ self.triples[0])).sum(1),
                trace_of_product(matrix, other),
                (turned * turned).sum(1),
            ]
        result: Tensor = self.out(torch.cat(invariants, -1))
        return result

    def _native(self, kernels: SumKernels, moments: Tensor, mixed: list[Tensor]) -> Tensor:
        """(n_atoms, n_invariants·channels) the products on compiled kernels.

        Args:
            kernels: that have them.
            moments: (n_atoms, n_harmonics, channels).
            mixed: the moments of each order with their channels mixed by U.
        """
        n_atoms, n_columns, channels = moments.shape
        vector = matrix = moments.new_zeros(n_atoms, 0, channels)
        if self.triples is not None:
            vector, matrix = (moments[:, self.orders[k]] @ self.triples[k] for k in (0, 1))
        shapes = ((n_atoms, self.out.in_features),)
        sizes = (n_atoms, n_columns, channels)
        operation = NativeOperation(kernels, "invariants", moments.dtype, (), sizes, shapes)
        return run_native(operation, moments, torch.cat(mixed, 1), vector, matrix)[0]


class MomentGates(nn.Module):
    """What the moments of both ends, taken along a bond, add to its gate.

    g_ij = Σ_l C^l·⟨A^l_i, R_l(r̂_ij)⟩ + D^l·⟨A^l_j, R_l(−r̂_ij)⟩, where ⟨·,·⟩ sums over m and C, D over channels. The
    channels are summed within the atoms first, so a bond costs n_harmonics products and not channels·n_harmonics.
    """

    signs: Tensor

    def __init__(self, features: int, channels: int, max_moment: int) -> None:
        super().__init__()
        self.orders = order_slices(max_moment)
        bound = 1.0 / math.sqrt(2 * channels * max_moment)
        self.ends = nn.Parameter(torch.empty(max_moment, channels, 2 * features).uniform_(-bound, bound))
        signs = torch.ones(max_moment, 1, 2, 1)
        signs[::2, :, 1] = -1.0  # R_l(−r̂) = (−1)^l·R_l(r̂)
        self.register_buffer("signs", signs, persistent=False)

    def forward(self, moments: Tensor, directions: Directions) -> Tensor:
        """(n_edges, features) from (n_atoms, n_harmonics, channels) moments."""
        if directions.tables is None:
            signed = (self.ends.unflatten(2, (2, -1)) * self.signs).flatten(2)
            return of_both_ends(self._mixed(moments, signed), directions.harmonics, directions.bonds)
        along = contract_to_edges(self._mixed(moments, self.ends), directions.harmonics, directions.tables.as_one)
        own, other = along.chunk(2, 1)
        return own + gather(other.contiguous(), directions.tables.reverse)

    def _mixed(self, moments: Tensor, ends: Tensor) -> Tensor:
        """(n_atoms, n_harmonics, 2·features) moments with their channels summed, for both kinds of ends."""
        return torch.cat([moments[:, order] @ mix for order, mix in zip(self.orders, ends, strict=True)], 1)


def trace_of_product(matrix: Tensor, other: Tensor) -> Tensor:
    """tr(M²·M') of symmetric matrices (n, 3, 3, channels), without products of small matrices: (n, channels)."""
    total = torch.zeros_like(matrix[:, 0, 0])
    for first in range(3):
        for second in range(first, 3):
            square = (matrix[:, first] * matrix[:, second]).sum(1)
            total = total + (1.0 if first == second else 2.0) * square * other[:, first, second]
    return total
