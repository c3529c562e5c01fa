"""The line graph: which pairs of bonds form an angle.

In: a bond graph in canonical order. Out: pairs of edge ids (i→j, j→k).
"""

import numpy as np

from alignn_ff.graph.neighbors import IntArray, NeighborPairs, packed_keys, shift_packing


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
    n_first = n_incoming[src]
    if not back_tracking:
        reverse, n_reverse = _reverses(NeighborPairs(src, dst, pairs.shift[nodes], pairs.distance[nodes]), n_atoms)
        n_first = n_first - n_reverse
    second = np.repeat(np.arange(len(nodes), dtype=np.int64), n_first)
    first = np.arange(len(second), dtype=np.int64)
    first += np.repeat(first_incoming[src] - (np.cumsum(n_first) - n_first), n_first)
    if not back_tracking:
        first += (first >= np.repeat(reverse, n_first)) * np.repeat(n_reverse, n_first)
    if not own_image_angles:
        first, second = first[first != second], second[first != second]
    return nodes[first], nodes[second]


def _reverses(edges: NeighborPairs, n_atoms: int) -> tuple[IntArray, IntArray]:
    """For each edge, the position of its first reverse among the edges in canonical order, and their number."""
    packing = shift_packing(edges.shift, n_atoms)
    if packing is None:
        rows = np.column_stack([edges.dst, edges.src, edges.shift])
        back = np.column_stack([edges.src, edges.dst, -edges.shift])
        _, number = np.unique(np.concatenate([rows, back]), axis=0, return_inverse=True)
        keys, wanted = np.split(number.reshape(-1), 2)
    else:
        keys = packed_keys(edges.dst, edges.src, edges.shift, n_atoms, packing)
        wanted = packed_keys(edges.src, edges.dst, -edges.shift, n_atoms, packing)
    begin = np.searchsorted(keys, wanted)
    if (keys[1:] == keys[:-1]).any():
        return begin, np.searchsorted(keys, wanted, side="right") - begin
    return begin, (keys.take(begin, mode="clip") == wanted).astype(np.int64)
