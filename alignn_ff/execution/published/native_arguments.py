"""Arguments of the kernel ``gated_average`` (``native/source/gated/gated_average.h``) from tensors."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from alignn_ff.execution.published.contract import GatedAverage, Lower
from alignn_ff.execution.published.table import Table
from alignn_ff.execution.published.weights import Convolution, Norm
from alignn_ff.native.arguments import (
    AverageArguments,
    EdgeLayerArguments,
    LowerArguments,
    NodeLayerArguments,
    NormArguments,
    TableArguments,
)


def common_arguments(average: GatedAverage) -> AverageArguments:
    """What both directions need; the arrays of ``average`` must outlive the result."""
    layer, topology, nodes, edges, _ = average
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
