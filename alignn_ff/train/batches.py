"""Records as tensors: graphs built once, targets with masks, batches in a seeded order."""

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
)
from alignn_ff.train.records import Record


class Targets(NamedTuple):
    """Labels of a batch, float64, zero where the mask is false; never NaN.

    Attributes:
        energy: (n_systems,) eV, total.
        forces: (n_atoms, 3) eV/Å. has_forces: (n_atoms,) bool.
        stress: (n_systems, 3, 3) eV/Å³, tension positive. has_stress: (n_systems,) bool.
    """

    energy: Tensor
    forces: Tensor
    has_forces: Tensor
    stress: Tensor
    has_stress: Tensor


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


def build_sample(record: Record, recipe: GraphRecipe) -> Sample:
    """Graph and targets of one record."""
    system = system_from_atoms(record.atoms)
    n_atoms = len(record.atoms)
    targets = Targets(
        energy=torch.tensor([record.energy], dtype=torch.float64),
        forces=torch.zeros(n_atoms, 3, dtype=torch.float64)
        if record.forces is None
        else torch.from_numpy(record.forces.copy()),
        has_forces=torch.full((n_atoms,), record.forces is not None),
        stress=torch.zeros(1, 3, 3, dtype=torch.float64)
        if record.stress is None
        else torch.from_numpy(record.stress.copy())[None],
        has_stress=torch.tensor([record.stress is not None]),
    )
    return Sample(system, build_graph(system, recipe), targets)


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
