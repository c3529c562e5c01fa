"""The engine on C++ kernels: on the CPU, a few targets at a time, all of them in cache."""

from alignn_ff.errors import KernelError
from alignn_ff.execution.published.contract import GatedAverage, Gradients, Output
from alignn_ff.execution.published.native_arguments import common_arguments, edge_layer, pointer
from alignn_ff.native import Kernels
from alignn_ff.native.arguments import CHANNELS, WIDEST, AverageArguments


class NativeEngine:
    """Calls the kernels; see :class:`~alignn_ff.execution.published.contract.Engine`."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels

    def convolve(self, average: GatedAverage, output: Output) -> None:
        """See :class:`~alignn_ff.execution.published.contract.Engine`."""
        arguments = common_arguments(average)
        arguments.updated, arguments.read = pointer(output.nodes), pointer(output.read)
        arguments.new_states, arguments.new_gates = pointer(output.states), pointer(output.gates)
        if output.following is not None:
            arguments.following = edge_layer(output.following)
        self._run(arguments, average)

    def pull_back(self, average: GatedAverage, gradients: Gradients) -> None:
        """See :class:`~alignn_ff.execution.published.contract.Engine`."""
        arguments = common_arguments(average)
        arguments.d_nodes, arguments.d_states = pointer(gradients.nodes), pointer(gradients.states)
        arguments.states_read, arguments.d_cosines = gradients.states_read, pointer(gradients.cosines)
        topology, nodes, workspace = average.topology, average.nodes, average.workspace
        width, shared = nodes.shape[1], topology.entering is None
        n_rows = topology.n_edges if shared else topology.members.shape[0]
        first = workspace.array("on the way to sources", (n_rows, width), nodes)
        if shared:
            second = workspace.array("on the way to values", (n_rows, width), nodes)
            arguments.d_messages, arguments.sent = pointer(first), pointer(second)
        else:
            arguments.from_sources = pointer(first)
        self._run(arguments, average)

    def _run(self, arguments: AverageArguments, average: GatedAverage) -> None:
        topology, nodes = average.topology, average.nodes
        if topology.entering is None:
            shape = (topology.members.shape[0], 2 * nodes.shape[1])
            arguments.source_rows = pointer(average.workspace.array("projections of sources", shape, nodes))

        def refusal() -> KernelError:
            return KernelError(f"{nodes.shape[1]} channels are not a multiple of {CHANNELS} up to {WIDEST}")

        self.kernels.call("gated_average", nodes.dtype, arguments, refusal=refusal)
