"""Batches in arrays of a few sizes, so that the operations of a training step can be recorded and replayed.

In: samples on a device, and an array there that says which of them make a batch. Out: the batch, and padding.
Padding is one more structure: atoms that are farther apart than the cutoff, joined by the edges that are left over. It
has no labels, envelopes take its edges out of all sums, and no number of the others depends on it.

Arrays grow in steps of a tenth, all levels together, so the batches of a training have a few sizes only.
"""

import math
from collections.abc import Sequence
from itertools import count
from typing import Final, NamedTuple

import torch
from torch import Tensor

from alignn_ff.graph import AtomicGraph, AtomicSystem
from alignn_ff.graph.fixed.lists import PADDING_NODES
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.resident import ResidentSamples
from alignn_ff.train.records.targets import Targets

GROWTH: Final = 1.1
"""From one size of the arrays to the next."""

PER_ATOM_STEP: Final = 8
"""The most edges of one atom are rounded up to a multiple of this."""

PER_ATOM_LEAST: Final = 1.25
"""And are at least so many times the mean over all samples, so that the atoms of the padding can hold its edges."""


class Places(NamedTuple):
    """Where the samples of a batch are among those on the device; stands for the batch."""

    indices: tuple[int, ...]


class BatchSizes(NamedTuple):
    """Sizes of the arrays of a batch.

    Attributes:
        structures: without the padding.
        atoms, edges, line_nodes, triplets: rows, with the padding.
        per_atom: most edges that lead to one atom.
    """

    structures: int
    atoms: int
    edges: int
    line_nodes: int
    triplets: int
    per_atom: int

    @property
    def rows(self) -> tuple[int, int, int, int]:
        """Of atoms, edges, line nodes and triplets."""
        return self.atoms, self.edges, self.line_nodes, self.triplets

    def holds(self, rows: Sequence[int]) -> bool:
        """Whether a batch of so many rows fits, and its padding has the atoms and edges that it needs."""
        atoms, edges, line_nodes, triplets = (size - n for size, n in zip(self.rows, rows, strict=True))
        if min(atoms, edges, line_nodes, triplets) < 0 or atoms < 1 + math.ceil(edges / max(self.per_atom, 1)):
            return False
        return edges >= line_nodes and (not self.line_nodes or line_nodes >= PADDING_NODES)


class _Rows(NamedTuple):
    """The rows of one kind in a batch.

    Attributes:
        chosen: (n_rows,) among the rows of all samples; any for padding.
        owner: (n_rows,) which structure of the batch each belongs to; the last one is the padding.
        rank: (n_rows,) its number in the structure.
        padding: (n_rows,) whether it is padding.
        counts, starts: (n_structures + 1,) rows of each structure, and where they begin in the batch.
    """

    chosen: Tensor
    owner: Tensor
    rank: Tensor
    padding: Tensor
    counts: Tensor
    starts: Tensor


class PaddedSamples:
    """Samples on a device, of which batches in arrays of a few sizes are made.

    Args:
        samples: on the device.
        cutoff: Å, beyond which atoms do not feel one another.
    """

    def __init__(self, samples: ResidentSamples, cutoff: float) -> None:
        self._samples, self._cutoff = samples, cutoff
        self._means: list[float] = samples.host_counts.double().mean(1).tolist()

    def sizes_for(self, indices: Sequence[int]) -> BatchSizes:
        """The smallest of the sizes that hold the batch of these samples; at least one sample."""
        rows: list[int] = self._samples.host_counts[:, list(indices)].sum(1).tolist()
        least = PER_ATOM_LEAST * self._means[1] / self._means[0]
        most = max(float(self._samples.most_edges[list(indices)].max()), least)
        per_atom = PER_ATOM_STEP * math.ceil(most / PER_ATOM_STEP)
        means = [len(indices) * mean for mean in self._means]
        largest = max(n / mean for n, mean in zip(rows, means, strict=True) if mean)
        for rung in count(math.ceil(math.log(largest, GROWTH))):
            atoms, edges, line_nodes, triplets = (math.ceil(mean * GROWTH**rung) for mean in means)
            more = PADDING_NODES if line_nodes else 0
            sizes = BatchSizes(
                len(indices), atoms + 2, edges + more, line_nodes + more if line_nodes else 0, triplets, per_atom
            )
            if sizes.holds(rows):
                return sizes
        raise AssertionError("unreachable: sizes grow without end")

    def batch(self, chosen: Tensor, sizes: BatchSizes) -> Sample:
        """The batch of these samples, and the padding as its last structure.

        The host has no part in it, and shapes depend on ``sizes`` only.

        Args:
            chosen: (n_structures,) int64, which samples, on the device.
            sizes: that hold the batch.
        """
        atoms, edges, nodes, triplets = (self._rows(chosen, level, size) for level, size in enumerate(sizes.rows))
        system, graph, targets = self._samples.every
        numbers, extra = graph.atomic_numbers[atoms.chosen], graph.extra_features
        far = atoms.starts[-1]  # the first atom of the padding
        edge_rows = torch.arange(sizes.edges, device=chosen.device)
        from_end = (sizes.edges - 1 - edge_rows) // max(sizes.per_atom, 1)
        others = torch.maximum(sizes.atoms - 1 - from_end, far + 1)
        node_rows = torch.arange(sizes.line_nodes, device=chosen.device) + (sizes.edges - sizes.line_nodes)
        fillers = self._fillers(sizes, chosen.device)
        return Sample(
            self._system(system, chosen, atoms, numbers),
            AtomicGraph(
                atomic_numbers=numbers,
                system_idx=atoms.owner,
                extra_features=None if extra is None else _without(atoms.padding, extra[atoms.chosen]),
                edge_src=torch.where(edges.padding, far, graph.edge_src[edges.chosen] + atoms.starts[edges.owner]),
                edge_dst=torch.where(edges.padding, others, graph.edge_dst[edges.chosen] + atoms.starts[edges.owner]),
                edge_shift=_without(edges.padding, graph.edge_shift[edges.chosen]),
                line_nodes=torch.where(
                    nodes.padding, node_rows, graph.line_nodes[nodes.chosen] + edges.starts[nodes.owner]
                ),
                line_src=torch.where(
                    triplets.padding, fillers, graph.line_src[triplets.chosen] + edges.starts[triplets.owner]
                ),
                line_dst=torch.where(
                    triplets.padding, fillers, graph.line_dst[triplets.chosen] + edges.starts[triplets.owner]
                ),
                n_atoms=atoms.counts,
                n_edges=edges.counts,
                n_line_nodes=nodes.counts,
                n_triplets=triplets.counts,
                most_edges=sizes.per_atom,
            ),
            Targets(
                {kind: _of_rows(kind, values, atoms, chosen) for kind, values in targets.values.items()},
                {kind: _of_rows(kind, known, atoms, chosen) for kind, known in targets.known.items()},
            ),
        )

    def _system(self, system: AtomicSystem, chosen: Tensor, atoms: _Rows, numbers: Tensor) -> AtomicSystem:
        """The structures, and one atom twice the cutoff away from others at one place, in no cell."""
        far = (atoms.padding & (atoms.rank == 0))[:, None] * (2.0 * self._cutoff)
        cell, pbc = system.cell[chosen], system.pbc[chosen]
        return AtomicSystem(
            positions=_without(atoms.padding, system.positions[atoms.chosen]) + far,
            cell=torch.cat([cell, torch.zeros_like(cell[:1])]),
            pbc=torch.cat([pbc, torch.zeros_like(pbc[:1])]),
            atomic_numbers=numbers,
            system_idx=atoms.owner,
        )

    def _fillers(self, sizes: BatchSizes, device: torch.device) -> Tensor:
        """(n_triplets,) edges of the padding that its triplets share."""
        rows = torch.arange(sizes.triplets, device=device)
        most = max(math.ceil(sizes.triplets / PADDING_NODES), 1)
        return sizes.edges - 1 - (sizes.triplets - 1 - rows) // most

    def _rows(self, chosen: Tensor, level: int, size: int) -> _Rows:
        n = chosen.shape[0]
        real = self._samples.counts[level][chosen]
        counts = torch.cat([real, (size - real.sum())[None]])
        starts = counts.cumsum(0) - counts
        owner = torch.repeat_interleave(torch.arange(n + 1, device=chosen.device), counts, output_size=size)
        rank = torch.arange(size, device=chosen.device) - starts[owner]
        first, padding = self._samples.starts[level][chosen], owner == n
        source = torch.where(padding, 0, torch.cat([first, first.new_zeros(1)])[owner] + rank)
        return _Rows(source, owner, rank, padding, counts, starts)


def _without(padding: Tensor, values: Tensor) -> Tensor:
    """Values with zero where there is padding."""
    return values.masked_fill(padding.view(-1, *[1] * (values.ndim - 1)), 0)


def _of_rows(kind: str, table: Tensor, atoms: _Rows, chosen: Tensor) -> Tensor:
    """Labels of a batch, or their mask: zero and unknown for the padding."""
    if LABELS[kind].rows == "atom":
        return _without(atoms.padding, table[atoms.chosen])
    values = table[chosen]
    return torch.cat([values, torch.zeros_like(values[:1])])
