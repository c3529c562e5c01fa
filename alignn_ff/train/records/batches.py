"""Records as tensors: graphs built once, targets beside them, batches in a seeded order."""

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

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
    counted_for,
    edge_vectors,
    system_from_atoms,
    with_extra_features,
)
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.targets import LabelShapes, Targets, label_shapes, targets_of

Nest = TypeVar("Nest", bound=tuple[Any, ...])


class Sample(NamedTuple):
    """Structures with their graphs and labels: one, or a batch."""

    system: AtomicSystem
    graph: AtomicGraph
    targets: Targets

    def to(self, device: torch.device) -> "Sample":
        """The same on another device; does not wait where this one is in pinned memory."""
        counted = self._replace(graph=counted_for(self.graph, device))
        return _mapped(counted, lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> "Sample":
        """The same in pinned memory."""
        return _mapped(self, Tensor.pin_memory)


def empty_like(sample: Sample) -> Sample:
    """A batch of no structures, for a process whose part of a batch is empty."""
    return _mapped(sample, lambda tensor: tensor[:0])


def _mapped(nest: Nest, change: Callable[[Tensor], Tensor]) -> Nest:
    """Containers with every tensor changed."""
    make: Callable[..., Nest] = type(nest)
    return make(*(_changed(part, change) for part in nest))


def _changed(part: object, change: Callable[[Tensor], Tensor]) -> object:
    if isinstance(part, Tensor):
        return change(part)
    if isinstance(part, dict):
        return {name: _changed(tensor, change) for name, tensor in part.items()}
    return _mapped(part, change) if isinstance(part, tuple) else part


def build_sample(record: Record, recipe: GraphRecipe, shapes: LabelShapes | None = None) -> Sample:
    """Graph and targets of one record.

    Args:
        record: structure and labels.
        recipe: how atoms become a graph.
        shapes: layout of the labels of all records of the set; None: those of this record only.
    """
    system = system_from_atoms(record.atoms)
    graph = with_extra_features(build_graph(system, recipe), record.atoms)
    return Sample(system, graph, targets_of(record, label_shapes([record]) if shapes is None else shapes))


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
        Targets(*(_joined(parts) for parts in zip(*(sample.targets for sample in samples), strict=True))),
    )


def _joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {kind: torch.cat([part[kind] for part in parts]) for kind in parts[0]}


def epoch_order(n_samples: int, batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Batches of one epoch: a permutation that follows from seed and epoch only, so that a run can resume."""
    order = list(range(n_samples))
    random.Random(f"{seed}/{epoch}").shuffle(order)  # noqa: S311 - not for secrets
    return [order[start : start + batch_size] for start in range(0, n_samples, batch_size)]
