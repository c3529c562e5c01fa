"""The engine on C++ kernels: on the CPU, a few targets at a time, all of them in cache."""

from torch import Tensor

from alignn_ff.execution.published.contract import EdgeInput, Gradients, Output
from alignn_ff.execution.published.native_arguments import AverageArguments, common_arguments, edge_layer, pointer
from alignn_ff.execution.published.topology import Topology
from alignn_ff.execution.published.weights import Convolution
from alignn_ff.execution.published.workspace import Workspace
from alignn_ff.native import Kernels

CHANNELS = 16
"""Widths are multiples of it."""
WIDEST = 512


class NativeEngine:
    """Calls the kernels; see :class:`~alignn_ff.execution.published.contract.Engine`."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels

    def convolve(
        self,
        layer: Convolution,
        topology: Topology,
        nodes: Tensor,
        edges: EdgeInput,
        output: Output,
        workspace: Workspace,
    ) -> None:
        """See :class:`~alignn_ff.execution.published.contract.Engine`."""
        arguments = common_arguments(layer, topology, nodes, edges)
        arguments.updated, arguments.read = pointer(output.nodes), pointer(output.read)
        arguments.new_states, arguments.new_gates = pointer(output.states), pointer(output.gates)
        if output.following is not None:
            arguments.following = edge_layer(output.following)
        self._run(arguments, topology, nodes, workspace)

    def pull_back(
        self,
        layer: Convolution,
        topology: Topology,
        nodes: Tensor,
        edges: EdgeInput,
        gradients: Gradients,
        workspace: Workspace,
    ) -> None:
        """See :class:`~alignn_ff.execution.published.contract.Engine`."""
        arguments = common_arguments(layer, topology, nodes, edges)
        arguments.d_nodes, arguments.d_states = pointer(gradients.nodes), pointer(gradients.states)
        arguments.states_read, arguments.d_cosines = gradients.states_read, pointer(gradients.cosines)
        width, shared = nodes.shape[1], topology.entering is None
        n_rows = topology.n_edges if shared else topology.members.shape[0]
        first = workspace.array("on the way to sources", (n_rows, width), nodes)
        if shared:
            second = workspace.array("on the way to values", (n_rows, width), nodes)
            arguments.d_messages, arguments.sent = pointer(first), pointer(second)
        else:
            arguments.from_sources = pointer(first)
        self._run(arguments, topology, nodes, workspace)

    def _run(self, arguments: AverageArguments, topology: Topology, nodes: Tensor, workspace: Workspace) -> None:
        if topology.entering is None:
            shape = (topology.members.shape[0], 2 * nodes.shape[1])
            arguments.source_rows = pointer(workspace.array("projections of sources", shape, nodes))
        self.kernels.call_with("gated_average", nodes.dtype, arguments)
