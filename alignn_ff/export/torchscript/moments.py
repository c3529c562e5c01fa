"""Moments of an atom's surroundings in TorchScript; the equations are those of ``alignn_ff.nn.moments``."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.export.torchscript.layers import counts_of, rows_of
from alignn_ff.nn import MomentGates, MomentInvariants, Moments
from alignn_ff.nn.harmonics import n_harmonics, quadrupole_matrix
from alignn_ff.nn.moments import trace_of_product


class Places(NamedTuple):
    """Where edges stand in a table with ``most`` rows per atom.

    Attributes:
        row: (n_edges,) int64, row of each edge.
        most: largest number of edges of an atom.
    """

    row: Tensor
    most: int


class ScriptedMoments(nn.Module):
    """:class:`~alignn_ff.nn.Moments`: sums over the edges of each atom, which stand side by side in a table."""

    def __init__(self, layer: Moments, max_moment: int) -> None:
        super().__init__()
        self.radial, self.value = layer.radial, layer.value
        self.normalization: float = float(layer.normalization)
        self.max_moment: int = max_moment

    def forward(self, atoms: Tensor, radial: Tensor, src: Tensor, weighted: Tensor, targets: Places) -> Tensor:
        """(n_atoms, n_harmonics, channels)."""
        sent = self.radial(radial) * rows_of(self.value(atoms) / self.normalization, src)
        n_atoms = atoms.shape[0]
        table, columns = side_by_side(sent, targets, n_atoms), side_by_side(weighted, targets, n_atoms)
        channels = sent.shape[1] // self.max_moment
        parts: list[Tensor] = []
        for order in range(1, self.max_moment + 1):
            here = columns[:, :, order * order - 1 : order * order + 2 * order]
            parts.append(here.transpose(1, 2) @ table[:, :, (order - 1) * channels : order * channels])
        return torch.cat(parts, 1)


class ScriptedInvariants(nn.Module):
    """:class:`~alignn_ff.nn.MomentInvariants`."""

    def __init__(self, layer: MomentInvariants) -> None:
        super().__init__()
        self.pairs, self.out = layer.pairs, layer.out
        self.has_triples: bool = layer.triples is not None
        self.triples = layer.triples if layer.triples is not None else layer.pairs

    def forward(self, moments: Tensor) -> Tensor:
        """(n_atoms, features)."""
        parts: list[Tensor] = []
        for order in range(1, self.pairs.shape[0] + 1):
            part = moments[:, order * order - 1 : order * order + 2 * order]
            parts.append((part * (part @ self.pairs[order - 1])).sum(1))
        if self.has_triples:
            vector, matrix = moments[:, 0:3], quadrupole_matrix(moments[:, 3:8])
            other = quadrupole_matrix(moments[:, 3:8] @ self.triples[1])
            turned = (matrix * vector[:, None]).sum(2)
            parts.append((turned * (vector @ self.triples[0])).sum(1))
            parts.append(trace_of_product(matrix, other))
            parts.append((turned * turned).sum(1))
        added: Tensor = self.out(torch.cat(parts, -1))
        return added


class ScriptedMomentGates(nn.Module):
    """:class:`~alignn_ff.nn.MomentGates`, the other end read along the reversed bond, R_l(−r) = (−1)^l R_l(r)."""

    signs: Tensor

    def __init__(self, layer: MomentGates) -> None:
        super().__init__()
        self.ends = layer.ends
        max_moment = layer.ends.shape[0]
        orders = torch.arange(1, max_moment + 1)
        signs = (1.0 - 2.0 * (orders % 2)).repeat_interleave(2 * orders + 1)
        assert signs.shape[0] == n_harmonics(max_moment)
        self.register_buffer("signs", signs.double())

    def forward(self, moments: Tensor, harmonics: Tensor, targets: Places, sources: Places) -> Tensor:
        """(n_edges, features)."""
        parts: list[Tensor] = []
        for order in range(1, self.ends.shape[0] + 1):
            parts.append(moments[:, order * order - 1 : order * order + 2 * order] @ self.ends[order - 1])
        own, other = torch.cat(parts, 1).chunk(2, 2)
        reversed_harmonics = harmonics * self.signs.to(harmonics.dtype)
        return along_edges(own, harmonics, targets) + along_edges(other, reversed_harmonics, sources)


def places(index: Tensor, n_atoms: int) -> Places:
    """Places of edges by the atom that each belongs to."""
    counts = counts_of(index, n_atoms)
    most = largest_of(counts)
    order = torch.argsort(index, stable=True)
    starts = counts.cumsum(0) - counts
    rank = torch.empty_like(index)
    rank[order] = torch.arange(index.shape[0], device=index.device) - starts[index[order]]
    return Places(index * most + rank, most)


def largest_of(counts: Tensor) -> int:
    """The largest count; a number without a value while ``torch.export`` traces, which ``int()`` does not accept."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return int(counts.max())
    most: int = counts.max().item()  # type: ignore[assignment]
    torch._check(most >= 0)
    return most


def side_by_side(rows: Tensor, places: Places, n_atoms: int) -> Tensor:
    """(n_atoms, most, features) the rows of each atom's edges, filled up with zeros."""
    table = torch.zeros((n_atoms * places.most, rows.shape[1]), dtype=rows.dtype, device=rows.device)
    return table.index_add(0, places.row, rows).reshape(n_atoms, places.most, rows.shape[1])


def along_edges(nodes: Tensor, harmonics: Tensor, places: Places) -> Tensor:
    """(n_edges, features) Σ_s A[i(e), s]·Y[e, s]."""
    return rows_of((side_by_side(harmonics, places, nodes.shape[0]) @ nodes).flatten(0, 1), places.row)
