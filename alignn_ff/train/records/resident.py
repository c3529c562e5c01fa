"""All samples of a training on its device, and batches that are cut out of them there.

In: samples on the host, once; then which of them make a batch. Out: the batch that :func:`join` makes of them, with the
same bits, on the device. The host gives the device one small array per batch, and never waits: it has the sizes of
all samples, so the shapes of a batch need no number of the device.
"""

import logging
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from alignn_ff.execution.available import available_bytes
from alignn_ff.graph import AtomicGraph, AtomicSystem, most_edges
from alignn_ff.train.config.runtime import ResidentWord
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.batches import Sample, join
from alignn_ff.train.records.targets import Targets

log = logging.getLogger(__name__)

LARGEST_PART: Final = 0.25
"""Of the free memory of a device that samples may take; activations need the rest."""

LEVELS: Final = ("n_atoms", "n_edges", "n_line_nodes", "n_triplets")
"""Fields of a graph that count its rows: those of atoms, edges, line nodes and triplets."""


class _Rows(NamedTuple):
    """The rows of one kind in a batch.

    Attributes:
        chosen: (n_rows,) among the rows of all samples.
        owner: (n_rows,) which structure of the batch each belongs to.
        starts: (n_structures,) where the rows of each structure begin in the batch.
    """

    chosen: Tensor
    owner: Tensor
    starts: Tensor


class ResidentSamples:
    """Samples on a device.

    Args:
        samples: one structure each, on the host.
        device: where batches are made.

    Attributes:
        every: all samples as one, on the device; ids of atoms and edges begin at zero in each.
        host_counts: (4, n_samples) rows of each sample at each of ``LEVELS``, on the host.
        counts, starts: the same on the device, and where these rows begin in ``every``.
        most_edges: (n_samples,) most edges that lead to one atom of each sample, on the host.
    """

    def __init__(self, samples: Sequence[Sample], device: torch.device) -> None:
        whole = join(samples)
        self.host_counts = torch.stack([getattr(whole.graph, level) for level in LEVELS])
        self.most_edges = torch.tensor([most_edges(sample.graph) for sample in samples])
        self.every = _with_own_ids(whole, self.host_counts).to(device)
        self.counts = self.host_counts.to(device)
        self.starts = self.counts.cumsum(1) - self.counts

    def batch(self, indices: Sequence[int]) -> Sample:
        """The batch of these samples.

        Args:
            indices: which samples, in order; none gives a batch of no structures.
        """
        chosen = torch.tensor(list(indices), dtype=torch.int64)
        sizes: list[int] = self.host_counts[:, chosen].sum(1).tolist()
        here = chosen.to(self.counts.device, non_blocking=True)
        atoms, edges, nodes, triplets = (self._rows(here, level, size) for level, size in enumerate(sizes))
        system, graph, targets = self.every
        numbers, extra = graph.atomic_numbers[atoms.chosen], graph.extra_features
        n_atoms, n_edges, n_line_nodes, n_triplets = (counts[here] for counts in self.counts)
        return Sample(
            AtomicSystem(system.positions[atoms.chosen], system.cell[here], system.pbc[here], numbers, atoms.owner),
            AtomicGraph(
                atomic_numbers=numbers,
                system_idx=atoms.owner,
                extra_features=None if extra is None else extra[atoms.chosen],
                edge_src=graph.edge_src[edges.chosen] + atoms.starts[edges.owner],
                edge_dst=graph.edge_dst[edges.chosen] + atoms.starts[edges.owner],
                edge_shift=graph.edge_shift[edges.chosen],
                line_nodes=graph.line_nodes[nodes.chosen] + edges.starts[nodes.owner],
                line_src=graph.line_src[triplets.chosen] + edges.starts[triplets.owner],
                line_dst=graph.line_dst[triplets.chosen] + edges.starts[triplets.owner],
                n_atoms=n_atoms,
                n_edges=n_edges,
                n_line_nodes=n_line_nodes,
                n_triplets=n_triplets,
                most_edges=self._most(indices),
            ),
            Targets(*(_of_rows(table, atoms.chosen, here) for table in targets)),
        )

    def _most(self, indices: Sequence[int]) -> int | None:
        """The most edges of an atom, which the CPU counts where it needs them."""
        if self.counts.device.type == "cpu":
            return None
        return int(self.most_edges[list(indices)].max()) if indices else 0

    def _rows(self, here: Tensor, level: int, size: int) -> _Rows:
        counts = self.counts[level][here]
        starts = counts.cumsum(0) - counts
        places = torch.arange(here.shape[0], device=here.device)
        owner = torch.repeat_interleave(places, counts, output_size=size)
        rank = torch.arange(size, device=here.device) - starts[owner]
        return _Rows(self.starts[level][here][owner] + rank, owner, starts)


def resident_samples(
    sets: Sequence[Sequence[Sample]], device: torch.device, word: ResidentWord, *, available: int | None = None
) -> ResidentSamples | None:
    """Samples on a device; None where they stay on the host.

    Args:
        sets: of a training, one after another; none is read unless it may be kept.
        device: of its steps.
        word: "auto" takes them to a GPU where they fit, "always" to any device, "never" leaves them.
        available: bytes that the device has to give; None asks it.
    """
    if not any(len(samples) for samples in sets) or word == "never" or (word == "auto" and device.type == "cpu"):
        return None
    if word == "always":
        return ResidentSamples(list(chain(*sets)), device)
    free = available_bytes(device) if available is None else available
    if free is None:
        return None
    read, n_bytes = list[Sample](), 0
    for sample in chain(*sets):
        n_bytes += sum(leaf.nbytes for leaf in tree_leaves(sample) if isinstance(leaf, Tensor))
        if n_bytes > LARGEST_PART * free:
            log.info("the samples take more than %.0f %% of the free memory of %s", 100 * LARGEST_PART, device)
            return None
        read.append(sample)
    log.info("%d samples are kept on %s, %.3g GiB", len(read), device, n_bytes / 2**30)
    return ResidentSamples(read, device)


def _of_rows(table: dict[str, Tensor], atoms: Tensor, structures: Tensor) -> dict[str, Tensor]:
    """Labels of a batch, or their masks."""
    return {kind: values[atoms if LABELS[kind].rows == "atom" else structures] for kind, values in table.items()}


def _with_own_ids(whole: Sample, counts: Tensor) -> Sample:
    """The same with ids of atoms and edges that begin at zero in each structure."""
    starts, graph = counts.cumsum(1) - counts, whole.graph
    atoms, edges = starts[0], starts[1]
    structures = torch.arange(counts.shape[1])
    of_edges, of_nodes, of_triplets = (structures.repeat_interleave(counts[level]) for level in (1, 2, 3))
    own = graph._replace(
        edge_src=graph.edge_src - atoms[of_edges],
        edge_dst=graph.edge_dst - atoms[of_edges],
        line_nodes=graph.line_nodes - edges[of_nodes],
        line_src=graph.line_src - edges[of_triplets],
        line_dst=graph.line_dst - edges[of_triplets],
    )
    return whole._replace(graph=own)
