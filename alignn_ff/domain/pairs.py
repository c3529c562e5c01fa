"""Pairs of elements: their names, the closest pair of atoms, and pairs that a model has never seen together."""

from collections.abc import Collection, Iterable, Mapping
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

if TYPE_CHECKING:
    from alignn_ff.checkpoint import TrainingDomain
    from alignn_ff.graph.neighbors import NeighborPairs

N_ELEMENTS: Final = len(chemical_symbols)
"""Size of tables by atomic number."""


class ClosePair(NamedTuple):
    """Two atoms that are closer than the bound of their elements.

    Attributes:
        first, second: indices of the atoms, ascending.
        distance: Å.
        bound: Å, of the pair of elements.
    """

    first: int
    second: int
    distance: float
    bound: float


def pair_name(one: int, other: int) -> str:
    """Name of a pair of atomic numbers: "O-Si"."""
    return "-".join(chemical_symbols[number] for number in sorted((int(one), int(other))))


def pair_table(values: Mapping[str, float], default: float = 0.0) -> NDArray[np.float64]:
    """(119, 119) symmetric table of values by pair of elements.

    Args:
        values: "O-Si" → value.
        default: of the other pairs.
    """
    table = np.full((N_ELEMENTS, N_ELEMENTS), default)
    for name, value in values.items():
        first, second = (atomic_numbers[symbol] for symbol in name.split("-"))
        table[first, second] = table[second, first] = value
    return table


def closest_pair(
    numbers: NDArray[np.int64], pairs: "NeighborPairs", bounds: NDArray[np.float64], *, reach: float
) -> ClosePair | None:
    """The pair of atoms with the smallest ratio of distance to bound, if that is below 1.

    Args:
        numbers: (n_atoms,) atomic numbers.
        pairs: of the structure.
        bounds: (119, 119) Å, by pair of elements; 0 where there is none.
        reach: Å, the largest of the bounds.
    """
    if not reach > 0.0 or not (pairs.distance < reach).any():
        return None
    close = np.flatnonzero(pairs.distance < reach)
    src, dst, distance = pairs.src[close], pairs.dst[close], pairs.distance[close]
    bound = bounds[numbers[src], numbers[dst]]
    ratios = np.divide(distance, bound, out=np.full_like(distance, np.inf), where=bound > 0.0)
    worst = int(np.argmin(ratios))
    if ratios[worst] >= 1.0:
        return None
    first, second = sorted((int(src[worst]), int(dst[worst])))
    return ClosePair(first, second, float(distance[worst]), float(bound[worst]))


def seen_pairs(domain: "TrainingDomain") -> Collection[str] | None:
    """Names of the pairs that were neighbours in the training data; None if the model does not tell.

    Models of earlier versions do not count them, but hold the shortest distance of each pair of neighbours.
    """
    if domain.n_structures_per_pair is not None:
        return {name for name, count in domain.n_structures_per_pair.items() if count}
    return set(domain.shortest_distance_A) or None


def unseen_pairs(elements: Iterable[int], seen: Collection[str] | None) -> tuple[str, ...]:
    """Pairs of elements that were never neighbours in the training data; empty where that is not known.

    Args:
        elements: atomic numbers.
        seen: names of the pairs that were neighbours; None if it is not known.
    """
    if seen is None:
        return ()
    ordered = sorted({int(number) for number in elements})
    names = (pair_name(*pair) for pair in combinations_with_replacement(ordered, 2))
    return tuple(name for name in names if name not in seen)
