"""What the structures of a training set are like: pairs of elements, lone atoms, dimers, in one pass."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alignn_ff.domain.environments import dimers, lone_atoms
from alignn_ff.domain.pairs import N_ELEMENTS, pair_name
from alignn_ff.graph.neighbors import NeighborPairs
from alignn_ff.train.records.batches import Sample, edge_lengths


class Environments(NamedTuple):
    """Environments of the structures of a training set.

    Attributes:
        shortest: shortest bond of each pair of elements, "Si-Si" → Å.
        per_element: structures that hold an element.
        per_pair: structures in which two elements are neighbours.
        lone_atoms: structures with an atom of an element that has no neighbours.
        dimers: structures with an isolated pair of atoms.
    """

    shortest: dict[str, float]
    per_element: dict[str, int]
    per_pair: dict[str, int]
    lone_atoms: dict[str, int]
    dimers: dict[str, int]


class RunningEnvironments:
    """Gathers :class:`Environments` of structures that come one by one."""

    def __init__(self) -> None:
        self._shortest = np.full((N_ELEMENTS, N_ELEMENTS), np.inf)
        self._per_pair = np.zeros((N_ELEMENTS, N_ELEMENTS), dtype=np.int64)
        self._per_element, self._lone, self._dimers = Counter[str](), Counter[str](), Counter[str]()

    def add(self, atoms: Atoms, sample: Sample) -> None:
        """Add a structure with its graph."""
        graph, numbers = sample.graph, atoms.numbers
        pairs = NeighborPairs(
            graph.edge_src.numpy(), graph.edge_dst.numpy(), graph.edge_shift.numpy(), edge_lengths(sample)
        )
        ends = numbers[pairs.src], numbers[pairs.dst]
        places = np.minimum(*ends) * N_ELEMENTS + np.maximum(*ends)
        np.minimum.at(self._shortest.reshape(-1), places, pairs.distance)
        self._per_pair.reshape(-1)[np.unique(places)] += 1
        self._per_element.update({chemical_symbols[z] for z in numbers.tolist()})
        self._lone.update({chemical_symbols[z] for z in numbers[lone_atoms(pairs.dst, len(atoms))].tolist()})
        self._dimers.update({pair_name(*numbers[pair]) for pair in dimers(pairs, len(atoms))})

    def result(self) -> Environments:
        """Of all structures so far."""
        return Environments(
            shortest=_named(self._shortest, np.isfinite(self._shortest)),
            per_element=dict(sorted(self._per_element.items())),
            per_pair={name: int(count) for name, count in _named(self._per_pair, self._per_pair > 0).items()},
            lone_atoms=dict(sorted(self._lone.items())),
            dimers=dict(sorted(self._dimers.items())),
        )


def _named(table: NDArray[np.generic], known: NDArray[np.bool_]) -> dict[str, float]:
    return dict(sorted((pair_name(*pair), table[tuple(pair)].item()) for pair in np.argwhere(known).tolist()))
