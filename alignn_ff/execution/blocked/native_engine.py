"""The engine on C++ kernels: on the CPU, a few targets at a time, all of them in cache."""

import torch
from torch import Tensor

from alignn_ff.execution.blocked.contract import EdgeInput, EdgeOutput, Gradients
from alignn_ff.execution.blocked.native_arguments import AverageArguments, common_arguments, edge_layer, pointer
from alignn_ff.execution.blocked.topology import Topology
from alignn_ff.execution.blocked.weights import Convolution
from alignn_ff.native import Kernels

CHANNELS = 16
"""Widths are multiples of it."""
WIDEST = 512


class NativeEngine:
    """Calls the kernels; see :class:`~alignn_ff.execution.blocked.contract.Engine`."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels

    def convolve(
        self, layer: Convolution, topology: Topology, nodes: Tensor, edges: EdgeInput, output: EdgeOutput
    ) -> Tensor:
        """See :class:`~alignn_ff.execution.blocked.contract.Engine`."""
        updated = torch.empty_like(nodes)
        arguments = common_arguments(layer, topology, nodes, edges)
        arguments.updated = pointer(updated)
        arguments.new_states, arguments.new_gates = pointer(output.states), pointer(output.gates)
        if output.following is not None:
            arguments.following = edge_layer(output.following)
        self._run(arguments, topology, nodes)
        return updated

    def pull_back(
        self, layer: Convolution, topology: Topology, nodes: Tensor, edges: EdgeInput, gradients: Gradients
    ) -> None:
        """See :class:`~alignn_ff.execution.blocked.contract.Engine`."""
        arguments = common_arguments(layer, topology, nodes, edges)
        arguments.d_nodes, arguments.d_states = pointer(gradients.nodes), pointer(gradients.states)
        arguments.states_read, arguments.d_cosines = gradients.states_read, pointer(gradients.cosines)
        width, shared = nodes.shape[1], topology.entering is None
        from_sources = nodes.new_empty(0 if shared else topology.members.shape[0], width)
        messages, sent = (nodes.new_empty(topology.n_edges if shared else 0, width) for _ in range(2))
        arguments.from_sources = pointer(from_sources)
        arguments.d_messages, arguments.sent = pointer(messages), pointer(sent)
        self._run(arguments, topology, nodes)

    def _run(self, arguments: AverageArguments, topology: Topology, nodes: Tensor) -> None:
        n_shared = 0 if topology.entering is not None else topology.members.shape[0]
        source_rows = nodes.new_empty(n_shared, 2 * nodes.shape[1])
        arguments.source_rows = pointer(source_rows)
        self.kernels.call_with("gated_average", nodes.dtype, arguments)
