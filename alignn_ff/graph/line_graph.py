"""The line graph: which pairs of bonds form an angle.

In: a bond graph in canonical order. Out: pairs of edge ids (i→j, j→k).
"""

import numpy as np

from alignn_ff.graph.neighbors import IntArray, NeighborPairs


def line_pairs(
    pairs: NeighborPairs, nodes: IntArray, n_atoms: int, *, back_tracking: bool = False, own_image_angles: bool = True
) -> tuple[IntArray, IntArray]:
    """Ordered pairs of edges i→j and j→k.

    An image of i at another place is a real neighbour, so the pair of an edge i→i' with itself is an angle of 180°.

    Args:
        pairs: the bond graph, sorted by dst.
        nodes: ascending ids of the edges that take part.
        n_atoms: number of atoms.
        back_tracking: keep the pairs where k is i itself, at 0°.
        own_image_angles: keep the pairs of an edge with itself, at 180°.

    Returns:
        Edge ids ``line_src`` and ``line_dst``, sorted by ``line_dst``.
    """
    src, dst = pairs.src[nodes], pairs.dst[nodes]
    n_incoming = np.bincount(dst, minlength=n_atoms)
    first_incoming = np.cumsum(n_incoming) - n_incoming
    repeats = n_incoming[src]
    second = np.repeat(np.arange(len(nodes), dtype=np.int64), repeats)
    rank = np.arange(len(second), dtype=np.int64) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    first = first_incoming[src[second]] + rank
    if not back_tracking:
        shift = pairs.shift[nodes]
        returns = (src[first] == dst[second]) & (shift[first] + shift[second] == 0).all(axis=1)
        first, second = first[~returns], second[~returns]
    if not own_image_angles:
        first, second = first[first != second], second[first != second]
    return nodes[first], nodes[second]
