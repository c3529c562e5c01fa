"""The sums of moments on compiled kernels, each with its derivatives in one pass over the edges of a node.

    A[i, s, c] = Σ_{e: dst=i} q[e, g(s), c]·v[src, g(s), c]·Y[e, s]                     (:func:`sent_to_nodes`)
    first, with G = ∂L/∂A and t = Σ_{s: g(s)=g} G[dst, s, c]·Y[e, s]:
        ∂q = v·t,   ∂v = Σ_src q·t,   ∂Y = Σ_c G·q·v
    second, with cotangents u of the three, p = u_q·v + q·u_v, and t_u as t with u_Y in the place of Y:
        in G: Σ_dst p·Y + q·v·u_Y;   in q: u_v·t + v·t_u;   in v: Σ_src u_q·t + q·t_u;   in Y: Σ_c G·p

    out[e, c] = Σ_s (N[dst, s, c] + N[src, s, C + c])·Y[e, s]                            (:func:`of_both_ends`)
    first: ∂N = Σ_dst G·Y | Σ_src G·Y,   ∂Y = Σ_c (N[dst] + N[src])·G
    second: in G: Σ_s u_N·Y + N·u_Y;   in N: as ∂N with u_Y in the place of Y;   in Y: as ∂Y with u_N in the place of N

g(s) is the group of column s, a block of channels of q and v.
"""

from torch import Tensor

from alignn_ff.errors import KernelError
from alignn_ff.native import SumKernels, kernels_for
from alignn_ff.native.in_use import Operation
from alignn_ff.nn.sums.native_twice import NativeOperation, run_native
from alignn_ff.nn.sums.segment import Edges


def sent_to_nodes(held: tuple[Tensor, Tensor, Tensor], ends: Edges, groups: Tensor, n_groups: int) -> Tensor:
    """Sums of what sources send along their edges, by the columns of the edges.

    Args:
        held: (n_edges, n_groups·channels) q, (n_edges, n_columns) Y and (n_nodes, n_groups·channels) v.
        ends: of the edges.
        groups: (n_columns,) int64 the group of each column, ascending from 0.
        n_groups: number of groups.

    Returns:
        (n_nodes, n_columns, channels).
    """
    edges, along, _ = held
    kernels = _kernels("moments", held)
    n_nodes, n_columns, channels = ends.dst.starts.shape[0], along.shape[1], edges.shape[1] // n_groups
    index = (*ends.src, ends.dst.segment, ends.dst.starts, groups)
    sizes = (n_nodes, edges.shape[0], n_columns, n_groups, channels)
    shapes = ((n_nodes, n_columns, channels),)
    return run_native(NativeOperation(kernels, "moments", edges.dtype, index, sizes, shapes), *held)[0]


def of_both_ends(nodes: Tensor, along: Tensor, ends: Edges) -> Tensor:
    """What both nodes of an edge hold along it.

    Args:
        nodes: (n_nodes, n_columns, 2·channels) N, for the edges that lead to a node and those that come from it.
        along: (n_edges, n_columns) Y.
        ends: of the edges.

    Returns:
        (n_edges, channels).
    """
    kernels = _kernels("both_ends", (nodes, along))
    n_edges, channels = along.shape[0], nodes.shape[2] // 2
    index = (ends.src.order, ends.src.starts, ends.dst.starts)
    sizes = (nodes.shape[0], n_edges, along.shape[1], channels)
    operation = NativeOperation(kernels, "both_ends", nodes.dtype, index, sizes, ((n_edges, channels),))
    return run_native(operation, nodes, along)[0]


def _kernels(operation: Operation, held: tuple[Tensor, ...]) -> SumKernels:
    kernels = kernels_for(operation, held)
    if kernels is None:
        dtypes = ", ".join(str(tensor.dtype) for tensor in held)
        raise KernelError(f"the kernels in use cannot take {operation} of {dtypes}, but were to make the sums")
    return kernels
