"""Which rows each layer evaluates where only the energies of the first atoms count; TorchScript compiles this.

In: edges, and how many atoms count. Out: per layer, how many of the first atoms, edges and triplets something later
reads. A host that divides space has the atoms that are read early, deep in the halo, as its last rows, so that a layer
takes the first rows and leaves the rest. Any order gives right numbers.
"""

from typing import NamedTuple

from torch import Tensor

ALL = -1
"""Instead of a number: all rows."""


class Prefixes(NamedTuple):
    """Numbers of first rows, or ``ALL``.

    Attributes:
        atoms: (n_layers + 1) read before the first layer, and after each.
        edges: (n_layers + 1) read in each layer; 0 after the last one.
        triplets: (n_layers) read in each layer, those whose second edge is read after it.
    """

    atoms: list[int]
    edges: list[int]
    triplets: list[int]


def first_rows(values: Tensor, n: int) -> Tensor:
    """(n, …) the first rows."""
    return values if n < 0 else values[:n]


def atoms_read(src: Tensor, dst: Tensor, n_local: int, n_layers: int) -> list[int]:
    """First atoms up to the last one that is read: before the first layer, and after each, (n_layers + 1)."""
    read = [n_local]
    for _ in range(n_layers):
        last = read[0]
        sources = src[dst < last]
        if sources.shape[0] > 0:
            last = max(last, int(sources.max()) + 1)
        read.insert(0, last)
    return read


def prefixes(read: list[int], dst: Tensor, second: Tensor, n_layers: int) -> Prefixes:
    """What each layer reads.

    Args:
        read: of :func:`atoms_read`; empty: all atoms.
        dst: (n_edges,) in ascending order, unless all atoms are read.
        second: (n_triplets,) second edges of the triplets, likewise.
        n_layers: number of layers.
    """
    if len(read) == 0:
        return Prefixes([-1] * (n_layers + 1), [-1] * n_layers + [0], [-1] * n_layers)
    edges = [int((dst < n).sum()) for n in read[1:]] + [0]
    triplets = [int((second < n).sum()) for n in edges[1:]]
    return Prefixes(read, edges, triplets)
