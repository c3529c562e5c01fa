"""Records as tensors: graphs built once, targets beside them, batches in a seeded order."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from alignn_ff.graph import (
    AtomicGraph,
    AtomicSystem,
    GraphRecipe,
    batch_graphs,
    batch_systems,
    build_graph,
    edge_vectors,
    graph_to,
    system_from_atoms,
    system_to,
    with_extra_features,
)
from alignn_ff.train.records import Record
from alignn_ff.train.targets import LabelWidths, Targets, targets_of

NO_PROPERTIES = LabelWidths()


class Sample(NamedTuple):
    """Structures with their graphs and labels: one, or a batch."""

    system: AtomicSystem
    graph: AtomicGraph
    targets: Targets

    def to(self, device: torch.device) -> "Sample":
        """The same on another device."""
        return Sample(
            system_to(self.system, device),
            graph_to(self.graph, device),
            Targets(*(tensor.to(device) for tensor in self.targets)),
        )


def build_sample(record: Record, recipe: GraphRecipe, widths: LabelWidths = NO_PROPERTIES) -> Sample:
    """Graph and targets of one record.

    Args:
        record: structure and labels.
        recipe: how atoms become a graph.
        widths: of the properties that some record of the set has.
    """
    system = system_from_atoms(record.atoms)
    graph = with_extra_features(build_graph(system, recipe), record.atoms)
    return Sample(system, graph, targets_of(record, widths))


def edge_lengths(sample: Sample) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(n_edges,) Å."""
    lengths: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = torch.linalg.vector_norm(
        edge_vectors(sample.system, sample.graph), dim=1
    ).numpy()
    return lengths


def join(samples: Sequence[Sample]) -> Sample:
    """One batch of several samples."""
    return Sample(
        batch_systems([sample.system for sample in samples]),
        batch_graphs([sample.graph for sample in samples]),
        Targets(*(torch.cat(parts) for parts in zip(*(sample.targets for sample in samples), strict=True))),
    )


def epoch_order(n_samples: int, batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Batches of one epoch: a permutation that seed and epoch alone decide, so that a run can resume."""
    order = list(range(n_samples))
    random.Random(f"{seed}/{epoch}").shuffle(order)  # noqa: S311 - not for secrets
    return [order[start : start + batch_size] for start in range(0, n_samples, batch_size)]
