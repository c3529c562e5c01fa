"""Arguments of the kernel ``gated_average``, mirrored field by field from ``native/source/gated_average.h``."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from alignn_ff.execution.published.contract import EdgeInput, Lower
from alignn_ff.execution.published.table import Table
from alignn_ff.execution.published.topology import Topology
from alignn_ff.execution.published.weights import Convolution, Norm


def _pointers(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_void_p) for name in names]


class TableArguments(ctypes.Structure):
    """Mirror of the C++ struct ``Table``."""

    _fields_ = [
        ("low", ctypes.c_double),
        ("step", ctypes.c_double),
        ("n_pieces", ctypes.c_int64),
        ("pieces", ctypes.c_void_p),
    ]


class NormArguments(ctypes.Structure):
    """Mirror of ``Norm``."""

    _fields_ = [*_pointers("weight", "bias"), ("eps", ctypes.c_double)]


class EdgeLayerArguments(ctypes.Structure):
    """Mirror of ``EdgeLayer``."""

    _fields_ = _pointers("matrix", "bias")


class NodeLayerArguments(ctypes.Structure):
    """Mirror of ``NodeLayer``."""

    _fields_ = _pointers("matrices", "bias", "back")


class LowerArguments(ctypes.Structure):
    """Mirror of ``LowerLayer``."""

    _fields_ = [
        ("nodes", ctypes.c_void_p),
        ("projections", NodeLayerArguments),
        ("edge_norm", NormArguments),
        ("following", EdgeLayerArguments),
    ]


class AverageArguments(ctypes.Structure):
    """One gated average, either way."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_nodes", "n_members", "n_groups", "n_lone", "width")),
        *((name, ctypes.c_int64) for name in ("threads", "disjoint")),
        *_pointers("members", "lone", "targets", "starts", "groups", "sources", "entering"),
        *_pointers("leaving", "leaving_starts"),
        ("node_norm", NormArguments),
        ("edge_norm", NormArguments),
        ("projections", NodeLayerArguments),
        ("layer", EdgeLayerArguments),
        *_pointers("layer_back", "nodes", "source_rows", "gates", "states", "cosines"),
        ("gate_table", TableArguments),
        ("state_table", TableArguments),
        ("n_lower", ctypes.c_int64),
        ("lower", ctypes.POINTER(LowerArguments)),
        *_pointers("updated", "read", "new_states", "new_gates"),
        ("following", EdgeLayerArguments),
        *_pointers("d_nodes", "d_states"),
        ("states_read", ctypes.c_int64),
        *_pointers("d_cosines", "from_sources", "d_messages", "sent"),
    ]


def common_arguments(layer: Convolution, topology: Topology, nodes: Tensor, edges: EdgeInput) -> AverageArguments:
    """What both directions need; what the result points to must live on."""
    arguments = AverageArguments(
        n_nodes=nodes.shape[0],
        n_members=topology.members.shape[0],
        n_groups=topology.groups.shape[0] - 1,
        n_lone=topology.lone.shape[0],
        width=nodes.shape[1],
        threads=torch.get_num_threads(),
        disjoint=topology.entering is not None,
        members=pointer(topology.members if topology.partial else None),
        node_norm=_norm(layer.node_norm),
        edge_norm=_norm(layer.edge_norm),
        projections=_node_layer(layer),
        layer=edge_layer(layer),
        layer_back=pointer(layer.edges),
        nodes=pointer(nodes),
        gates=pointer(edges.gates),
        states=pointer(edges.states),
        n_lower=len(edges.lower),
        lower=_lower(edges.lower),
    )
    for name in ("lone", "targets", "starts", "groups", "sources", "entering", "leaving", "leaving_starts"):
        setattr(arguments, name, pointer(getattr(topology, name)))
    if edges.angles is not None:
        arguments.cosines = pointer(edges.angles.cosines)
        arguments.gate_table, arguments.state_table = _table(edges.angles.gates), _table(edges.angles.states)
    return arguments


def edge_layer(layer: Convolution) -> EdgeLayerArguments:
    """What makes p of y."""
    return EdgeLayerArguments(pointer(layer.edges_transposed), pointer(layer.edges_bias))


def pointer(tensor: Tensor | None) -> int | None:
    """Where a tensor begins; null for None."""
    if tensor is None:
        return None
    assert tensor.is_contiguous()
    return tensor.data_ptr()


def _node_layer(layer: Convolution) -> NodeLayerArguments:
    return NodeLayerArguments(pointer(layer.nodes_transposed), pointer(layer.nodes_bias), pointer(layer.nodes))


def _lower(layers: Sequence[Lower]) -> "ctypes.Array[LowerArguments]":
    each = [
        LowerArguments(
            pointer(lower.nodes), _node_layer(lower.layer), _norm(lower.layer.edge_norm), edge_layer(lower.following)
        )
        for lower in layers
    ]
    return (LowerArguments * len(each))(*each)


def _norm(norm: Norm) -> NormArguments:
    return NormArguments(pointer(norm.weight), pointer(norm.bias), norm.eps)


def _table(table: Table) -> TableArguments:
    return TableArguments(table.low, table.step, table.pieces.shape[0], pointer(table.pieces))
