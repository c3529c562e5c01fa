"""The engine on C++ kernels: on the CPU, a few targets at a time, all of them in cache."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from alignn_ff.execution.blocked.contract import EdgeInput, EdgeOutput, Gradients, Lower
from alignn_ff.execution.blocked.table import Table
from alignn_ff.execution.blocked.topology import Topology
from alignn_ff.execution.blocked.weights import Convolution, Norm
from alignn_ff.native import Kernels
from alignn_ff.nn import scatter_sum

CHANNELS = 16
"""Widths are multiples of it."""
WIDEST = 512


class NativeEngine:
    """Calls the kernels; see :class:`~alignn_ff.execution.blocked.contract.Engine`."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels

    def convolve(
        self,
        layer: Convolution,
        topology: Topology,
        nodes: Tensor,
        projections: Tensor,
        edges: EdgeInput,
        output: EdgeOutput,
    ) -> Tensor:
        """See :class:`~alignn_ff.execution.blocked.contract.Engine`."""
        updated = torch.empty_like(nodes)
        arguments = _arguments(layer, topology, projections, edges)
        arguments.nodes, arguments.updated = _pointer(nodes), _pointer(updated)
        arguments.new_states, arguments.new_gates = _pointer(output.states), _pointer(output.gates)
        if output.following is not None:
            arguments.following = _edge_layer(output.following)
        self.kernels.call_with("gated_average", nodes.dtype, arguments)
        return updated

    def pull_back(
        self, layer: Convolution, topology: Topology, projections: Tensor, edges: EdgeInput, gradients: Gradients
    ) -> Tensor:
        """See :class:`~alignn_ff.execution.blocked.contract.Engine`."""
        arguments = _arguments(layer, topology, projections, edges)
        arguments.d_nodes, arguments.d_states = _pointer(gradients.nodes), _pointer(gradients.states)
        arguments.states_read, arguments.d_cosines = gradients.states_read, _pointer(gradients.cosines)
        if topology.disjoint:
            arguments.d_projections = _pointer(projections)
            self.kernels.call_with("gated_average", projections.dtype, arguments)
            return projections
        result = torch.empty_like(projections)
        width = projections.shape[1] // 4
        messages, sent = (projections.new_empty(topology.n_edges, width) for _ in range(2))
        arguments.d_projections = _pointer(result)
        arguments.d_messages, arguments.sent = _pointer(messages), _pointer(sent)
        self.kernels.call_with("gated_average", projections.dtype, arguments)
        result[:, :width] = scatter_sum(messages, topology.sources, projections.shape[0])
        result[:, 2 * width : 3 * width] = scatter_sum(sent, topology.sources, projections.shape[0])
        return result


class TableArguments(ctypes.Structure):
    """Mirror of the C++ struct of this name, as the others below."""

    _fields_ = [
        ("low", ctypes.c_double),
        ("step", ctypes.c_double),
        ("n_pieces", ctypes.c_int64),
        ("pieces", ctypes.c_void_p),
    ]


class NormArguments(ctypes.Structure):
    """A layer norm."""

    _fields_ = [("weight", ctypes.c_void_p), ("bias", ctypes.c_void_p), ("eps", ctypes.c_double)]


class EdgeLayerArguments(ctypes.Structure):
    """What makes p of y."""

    _fields_ = [("matrix", ctypes.c_void_p), ("bias", ctypes.c_void_p)]


class LowerArguments(ctypes.Structure):
    """A layer to be run again."""

    _fields_ = [
        ("projections", ctypes.c_void_p),
        ("edge_norm", NormArguments),
        ("following", EdgeLayerArguments),
    ]


class AverageArguments(ctypes.Structure):
    """One gated average, either way."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_nodes", "n_groups", "width", "threads", "disjoint")),
        *((name, ctypes.c_void_p) for name in ("targets", "starts", "groups", "sources")),
        ("node_norm", NormArguments),
        ("edge_norm", NormArguments),
        ("layer", EdgeLayerArguments),
        *((name, ctypes.c_void_p) for name in ("layer_back", "nodes", "projections", "gates", "states", "cosines")),
        ("gate_table", TableArguments),
        ("state_table", TableArguments),
        ("n_lower", ctypes.c_int64),
        ("lower", ctypes.POINTER(LowerArguments)),
        *((name, ctypes.c_void_p) for name in ("updated", "new_states", "new_gates")),
        ("following", EdgeLayerArguments),
        *((name, ctypes.c_void_p) for name in ("d_nodes", "d_states")),
        ("states_read", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("d_cosines", "d_projections", "d_messages", "sent")),
    ]


def _arguments(layer: Convolution, topology: Topology, projections: Tensor, edges: EdgeInput) -> AverageArguments:
    arguments = AverageArguments(
        n_nodes=projections.shape[0],
        n_groups=topology.groups.shape[0] - 1,
        width=projections.shape[1] // 4,
        threads=torch.get_num_threads(),
        disjoint=topology.disjoint,
        targets=_pointer(topology.targets),
        starts=_pointer(topology.starts),
        groups=_pointer(topology.groups),
        sources=_pointer(topology.sources),
        node_norm=_norm(layer.node_norm),
        edge_norm=_norm(layer.edge_norm),
        layer=_edge_layer(layer),
        layer_back=_pointer(layer.edges),
        projections=_pointer(projections),
        gates=_pointer(edges.gates),
        states=_pointer(edges.states),
        n_lower=len(edges.lower),
        lower=_lower(edges.lower),
    )
    if edges.angles is not None:
        arguments.cosines = _pointer(edges.angles.cosines)
        arguments.gate_table, arguments.state_table = _table(edges.angles.gates), _table(edges.angles.states)
    return arguments


def _lower(layers: Sequence[Lower]) -> "ctypes.Array[LowerArguments]":
    each = [
        LowerArguments(_pointer(lower.projections), _norm(lower.layer.edge_norm), _edge_layer(lower.following))
        for lower in layers
    ]
    return (LowerArguments * len(each))(*each)


def _norm(norm: Norm) -> NormArguments:
    return NormArguments(_pointer(norm.weight), _pointer(norm.bias), norm.eps)


def _edge_layer(layer: Convolution) -> EdgeLayerArguments:
    return EdgeLayerArguments(_pointer(layer.edges_transposed), _pointer(layer.edges_bias))


def _table(table: Table) -> TableArguments:
    return TableArguments(table.low, table.step, table.pieces.shape[0], _pointer(table.pieces))


def _pointer(tensor: Tensor | None) -> int | None:
    if tensor is None:
        return None
    assert tensor.is_contiguous()
    return tensor.data_ptr()
